"""
How an archive is written down: JSON lines, each with the checksum of all lines up to it.

The first line of a file is its header, with the checksum at which the file before it ended. So a
line that was changed, left out, put in or moved is found, and so is a file. What is cut off at the
end is found by the header's count; a whole file at the end, by the service's own store.

A file is never replaced. So there may be one that the next does not follow: a process died before
the store knew of it, or the store was brought back from before it. Who follows whom is told by the
checksums, and not by the numbers.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from outgrow.context import new_id
from outgrow.errors import ArchiveBroken

FORMAT: Final = 1
"""Grows when older programs cannot read what is written."""

LINE_BYTES_MAX: Final = 4 * 1024 * 1024
"""How long a line may be; the largest event takes less, whatever it holds."""

_NAME = re.compile(r"(?P<service>.+)-(?P<number>\d{6,})\.jsonl")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """
    The first line of a file.

    Attributes:
        archive: The number of the format.
        number: Which of the service's files it is, from 1 on.
        first: The position of its first row.
        last: That of its last.
        rows: How many there are.
        previous: The checksum at which the file before it ended; empty of the first.
        made_at: When it was written.
    """

    archive: int
    application: str
    service: str
    number: int
    first: int
    last: int
    rows: int
    previous: str
    made_at: str


class _HeaderLine(msgspec.Struct):
    header: Header
    checksum: str


class _RowLine(msgspec.Struct):
    row: dict[str, Any]
    checksum: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """
    The files of one service that were found to be what was written.

    Attributes:
        first_file: The number of the first file that is there; 1 unless earlier ones are elsewhere.
        checksum: At which the last one ends.
    """

    application: str
    service: str
    files: int
    first_file: int
    rows: int
    first: int
    last: int
    checksum: str


_encode = msgspec.json.Encoder(order="sorted").encode
_decode_header = msgspec.json.Decoder(_HeaderLine, strict=True).decode
_decode_row = msgspec.json.Decoder(_RowLine, strict=True).decode


def path_of(folder: Path, service: str, number: int) -> Path:
    """Where the file *number* of *service* is."""
    return folder / f"{service}-{number:06}.jsonl"


def highest_number(folder: Path, service: str) -> int:
    """The highest number of a file of *service* in *folder*; 0 if there is none."""
    if not folder.is_dir():
        return 0
    found = files_of(folder, service).get(service, [])
    names = (_NAME.fullmatch(path.name) for path in found)
    return max((int(name["number"]) for name in names if name), default=0)


class FileWriter:
    """
    Writes one file, which is there under its name only once it is whole and on the disk.

    Attributes:
        checksum: At which it ends so far.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = path_of(folder.absolute(), header.service, header.number)
        self._draft = self.path.with_suffix(f".{new_id()}.draft")
        self._file = self._draft.open("wb")
        self.checksum = header.previous
        self._write("header", msgspec.to_builtins(header))

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add *rows*."""
        for row in rows:
            self._write("row", row)

    def finish(self) -> None:
        """
        Give it its name.

        Raises:
            FileExistsError: Another file has it already.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.link(self._draft, self.path)
        self._draft.unlink()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def give_up(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.checksum = _chained(self.checksum, content)
        self._file.write(_encode({name: content, "checksum": self.checksum}) + b"\n")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """
    The rows of a file, each proven as it is read.

    Raises:
        ArchiveBroken: A line is not what was written.
        OSError: The file cannot be read.
    """
    yield from _rows(path, read_header(path))


def read_header(path: Path) -> Header:
    """The header of a file; as above."""
    with path.open("rb") as file:
        return _header(path, file.readline(LINE_BYTES_MAX)).header


def files_of(folder: Path, service: str | None = None) -> dict[str, list[Path]]:
    """The files in *folder* by service, in the order of their numbers."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if name and service in (None, name["service"]):
            found.setdefault(name["service"], []).append((int(name["number"]), path))
    return {one: [path for _, path in sorted(found[one])] for one in sorted(found)}


def verify_archives(folder: Path, service: str | None = None) -> list[Verified]:
    """
    Prove all archives in *folder*, or those of one service.

    Raises:
        ArchiveBroken: The first line that is not what was written, or a file that is missing.
        OSError: Something cannot be read.
    """
    return [_verify(paths) for paths in files_of(folder, service).values()]


def end_of(path: Path) -> str:
    """
    The checksum at which a file ends, once it is proven.

    Raises:
        ArchiveBroken: It is not what was written.
        OSError: It cannot be read.
    """
    return _last_checksum(path, read_header(path))


def _verify(paths: list[Path]) -> Verified:
    checksum, rows, last = "", 0, 0
    headers: list[Header] = []
    ends = {"": 0}  # The checksums at which files ended, and the positions.
    for path in paths:
        header = read_header(path)
        before = headers[-1] if headers else None
        if path != path_of(path.parent, header.service, header.number):
            raise ArchiveBroken(f"{path}:1", f"its name should be that of file {header.number}.")
        if before is not None and header.previous not in ends:
            if header.number != before.number + 1:
                missing = path_of(path.parent, header.service, before.number + 1)
                message = "it is missing: there are files before and behind it."
                raise ArchiveBroken(str(missing), message)
            message = f"the file before it ended with the checksum {checksum}, and not with this."
            raise ArchiveBroken(f"{path}:1", message)
        if header.number == 1 and header.previous:
            raise ArchiveBroken(f"{path}:1", "nothing can be before the first file.")
        follows = ends.get(header.previous, 0)
        if header.first <= follows:
            raise ArchiveBroken(f"{path}:1", f"position {header.first} does not follow {follows}.")
        checksum = _last_checksum(path, header)
        headers.append(header)
        rows, last = rows + header.rows, header.last
        ends[checksum] = last
    return Verified(
        application=headers[0].application,
        service=headers[0].service,
        files=len(headers),
        first_file=headers[0].number,
        rows=rows,
        first=headers[0].first,
        last=last,
        checksum=checksum,
    )


def _last_checksum(path: Path, header: Header) -> str:
    checksum = _chained(header.previous, msgspec.to_builtins(header))
    for row in _rows(path, header):
        checksum = _chained(checksum, row)
    return checksum


def _rows(path: Path, header: Header) -> Iterator[dict[str, Any]]:
    checksum = _chained(header.previous, msgspec.to_builtins(header))
    position, count, number = header.first - 1, 0, 1
    with path.open("rb") as file:
        file.readline(LINE_BYTES_MAX)
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            place = f"{path}:{number}"
            try:
                read = _decode_row(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ArchiveBroken(place, f"it is no row of an archive: {error}.") from error
            checksum = _chained(checksum, read.row)
            if read.checksum != checksum or not line.endswith(b"\n"):
                message = "its checksum does not fit: this line or one before it was changed."
                raise ArchiveBroken(place, message)
            if read.row.get("position", 0) <= position:
                raise ArchiveBroken(place, f"its position does not follow {position}.")
            position, count = read.row["position"], count + 1
            yield read.row
    if (count, position) != (header.rows, header.last):
        message = f"{count} rows up to position {position}, and the header says {header.rows} up to"
        raise ArchiveBroken(f"{path}:{number}", f"the file ends here with {message} {header.last}.")


def _header(path: Path, line: bytes) -> _HeaderLine:
    place = f"{path}:1"
    try:
        read = _decode_header(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveBroken(place, f"it is no header of an archive: {error}.") from error
    if read.header.archive > FORMAT:
        message = f"it is of format {read.header.archive}, and this outgrow reads up to {FORMAT}."
        raise ArchiveBroken(place, f"{message} Use a newer one.")
    if read.checksum != _chained(read.header.previous, msgspec.to_builtins(read.header)):
        raise ArchiveBroken(place, "its checksum does not fit: the header was changed.")
    return read


def _chained(previous: str, content: dict[str, Any]) -> str:
    return hashlib.sha256(previous.encode() + _encode(content)).hexdigest()
