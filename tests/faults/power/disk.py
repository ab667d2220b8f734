"""
A disk whose machine can lose power: what was not synced is gone, or there in parts.

A program that runs with `environment` notes each change of the files below one folder. `cut` then
makes of the folder what a disk would hold: all that was synced, and of what was not a random part,
in pieces of `PIECE_BYTES`, or nothing. Names of files count as durable at once.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("disk.c")
PIECE_BYTES = 512
"""What a disk writes wholly or not at all."""

HEADER = struct.Struct("=IIQQ")
NOT_KEPT = ("-shm", ".lock")
"""Files that nobody looks for after a power cut: their first user makes them anew."""


class NoCompiler(Exception):
    """There is no C compiler, so nothing can be said about a loss of power."""


class Op(NamedTuple):
    """One record of the log."""

    kind: str
    path: str
    offset: int
    data: bytes


@dataclass
class File:
    """What the disk holds of a file, and what was changed since it was synced last."""

    durable: bytearray | None = None
    pending: list[Op] = field(default_factory=list)
    syncs: dict[int, int] = field(default_factory=dict)

    def apply(self, count: int) -> None:
        """The first *count* changes have reached the disk."""
        if self.durable is None:
            self.durable = bytearray()
        for op in self.pending[:count]:
            _change(self.durable, op)
        del self.pending[:count]
        self.syncs = {number: place - count for number, place in self.syncs.items()}


@cache
def compiled(folder: Path) -> Path:
    """
    The library that notes what a program does, compiled into *folder*.

    Raises:
        NoCompiler: Neither a C compiler nor the wheel ``ziglang`` is there.
    """
    library = folder / "disk.so"
    subprocess.run(
        [*compiler(), "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"],
        check=True,
        capture_output=True,
    )
    return library


def compiler() -> list[str]:
    """The command that compiles C."""
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise NoCompiler(
        "POWER LOSS WAS NOT TRIED: there is no C compiler. Install one, "
        "or the wheel ziglang, which brings one along."
    )


class Disk:
    """
    The disk under one folder.

    Attributes:
        environment: What a program must be started with, for its changes to be noted.

    Args:
        folder: Whose files they are.
        scratch: Where the log is kept, and what the folder held before; outside of *folder*.
    """

    def __init__(self, folder: Path, scratch: Path, library: Path) -> None:
        self._folder = folder
        self._log = scratch / "log"
        self._full = scratch / "log.full"
        self._before = scratch / "before"
        self.environment = {
            "LD_PRELOAD": str(library),
            "OUTGROW_POWER_ROOT": str(folder.resolve()),
            "OUTGROW_POWER_LOG": str(self._log),
        }

    def power_on(self) -> None:
        """Begin: all that is in the folder now is on the disk."""
        shutil.rmtree(self._before, ignore_errors=True)
        self._log.unlink(missing_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._folder, self._before)
        self._log.touch()
        self._log.chmod(0o666)  # Another user may be who writes.

    def fill(self) -> None:
        """Nothing can be written from now on: the disk is full."""
        self._full.touch()

    def make_room(self) -> None:
        """What is to be written can be written again."""
        self._full.unlink(missing_ok=True)

    def cut(self, chance: random.Random | None = None) -> int:
        """
        Make of the folder what the disk holds; how many writes were lost, or torn.

        The programs must be dead. Without *chance* nothing is left of what was not synced.
        """
        files, lost = self._files(), 0
        for path, file in files.items():
            whole = self._folder / path
            if whole.is_dir():
                continue
            if path.endswith(NOT_KEPT):
                whole.unlink(missing_ok=True)
                continue
            lost += len(file.pending)
            if file.durable is None and (chance is None or chance.random() < 0.5):
                whole.unlink(missing_ok=True)
                continue
            content = bytearray(file.durable or b"")
            for op in _surviving(file.pending, chance):
                _change(content, op)
            whole.parent.mkdir(parents=True, exist_ok=True)
            is_new = not whole.exists()
            whole.write_bytes(content)
            if is_new:
                owner = whole.parent.stat()
                os.chown(whole, owner.st_uid, owner.st_gid)
        return lost

    def _files(self) -> dict[str, File]:
        files: dict[str, File] = {}
        for op in self._read():
            file = files.get(op.path)
            if file is None:
                file = files[op.path] = File(self._held(op.path))
            if op.kind in "WT":
                file.pending.append(op)
            elif op.kind == "B":
                file.syncs[op.offset] = len(file.pending)
            elif op.kind == "E":
                file.apply(file.syncs.pop(op.offset, 0))
            elif op.kind == "R":
                files[op.data.decode()] = files.pop(op.path)
            elif op.kind == "U":
                del files[op.path]
        return files

    def _held(self, path: str) -> bytearray | None:
        before = self._before / path
        return bytearray(before.read_bytes()) if before.is_file() else None

    def _read(self) -> Iterator[Op]:
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            while len(head := log.read(HEADER.size)) == HEADER.size:
                kind, path_length, offset, length = HEADER.unpack(head)
                path, data = log.read(path_length).decode(), log.read(length)
                if len(data) == length:
                    yield Op(chr(kind), path, offset, data)


def _change(content: bytearray, op: Op) -> None:
    size = op.offset if op.kind == "T" else op.offset + len(op.data)
    if len(content) < size:
        content.extend(bytes(size - len(content)))
    if op.kind == "T":
        del content[size:]
    else:
        content[op.offset : size] = op.data


def _surviving(pending: list[Op], chance: random.Random | None) -> Iterator[Op]:
    """Those changes, and pieces of changes, that have reached the disk by chance."""
    if chance is None:
        return
    share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    for op in pending:
        if op.kind == "T":
            if chance.random() < share:
                yield op
            continue
        for begin in range(0, len(op.data), PIECE_BYTES):
            if chance.random() < share:
                piece = op.data[begin : begin + PIECE_BYTES]
                yield Op("W", op.path, op.offset + begin, piece)
