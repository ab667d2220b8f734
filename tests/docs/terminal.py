"""A terminal in which the commands of a page are typed."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import Self

from outgrow.errors import ControlError
from outgrow.process.control import ask
from tests.docs.pages import Block, Command
from tests.docs.shown import agree, ids, masked

SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0
_INSTALLING = ("pip", "python3")
_TOPOLOGY = re.compile(r"outgrow run [a-z]")
_ADDRESS = re.compile(r"answer(?:ing|s) at http://(\S+:\d+)(?:,| for all services)")


class Terminal:
    """
    Types commands in a folder, and compares what is printed with what is shown.

    Programs that are tried need not be stopped: a new ``outgrow run`` stops the one before it by
    Ctrl-C, as the page tells its reader to.

    Attributes:
        folder: Where commands run; ``cd`` changes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tools = folder / ".tools"
        self._tools.mkdir()
        curl = self._tools / "curl"
        stand_in = shlex.quote(str(Path(__file__).with_name("curl.py")))
        curl.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {stand_in} "$@"\n')
        curl.chmod(0o755)
        self._program: _Program | None = None
        self._ids: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def follow(self, block: Block) -> None:
        """Write the file or type the commands that *block* shows."""
        if block.file is not None:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._aimed(block.text), encoding="utf-8")
        for command in block.commands:
            self.type(command)

    def type(self, command: Command) -> str:
        """Type *command*, and return what was printed, which is what is shown below it."""
        words = shlex.split(command.text, comments=True)
        if words[0] in _INSTALLING:
            return ""  # What a page installs, the tests run with.
        if words[:2] == ["outgrow", "run"] or words[1:3] == ["outgrow", "run"]:
            status, printed = self._start(command.text)
        else:
            status, printed = self._run(command.text)
        if command.shown:
            wanted = masked("\n".join(command.shown))
            message = f"{command.place} shows:\n{wanted}\nbut printed is:\n{masked(printed)}"
            assert agree(command.shown, printed), message
            self._compare_ids(command, printed)
        else:
            assert status == 0, f"{command.place}: status {status}:\n{printed}"
        return printed

    def curl(self, path: str, body: str | None = None) -> str:
        """Ask the program that runs for *path*, and return the body of its answer."""
        json = "" if body is None else f" --json {shlex.quote(body)}"
        status, printed = self._run(f"curl -s localhost:8080{path}{json}")
        assert status == 0, printed
        return printed

    def _compare_ids(self, command: Command, printed: str) -> None:
        """Ids differ each time, but what is shown to be the same id must be the same."""
        shown = ids("\n".join(command.shown))
        if len(shown) != len(ids(printed)):
            return  # Something is left out.
        for there, here in zip(shown, ids(printed), strict=True):
            known = self._ids.setdefault(there, here)
            message = f"{command.place} shows the id {there}, printed as {known}; now {here}"
            assert known == here, message
            assert list(self._ids.values()).count(here) == 1, message

    def stop(self) -> str:
        """Type Ctrl-C if a program runs, and return what it printed until its end."""
        if self._program is None:
            return ""
        program, self._program = self._program, None
        return program.stop()

    @property
    def address(self) -> str:
        """``host:port`` of the program that runs."""
        assert self._program is not None, "nothing runs"
        return self._program.address

    def _environment(self) -> dict[str, str]:
        paths = (str(self._tools), sysconfig.get_path("scripts"), os.environ.get("PATH", ""))
        kept = {name: v for name, v in os.environ.items() if not name.startswith(("PY", "OUTGROW"))}
        return kept | {"PATH": os.pathsep.join(paths), "COLUMNS": "80"}

    def _start(self, text: str) -> tuple[int, str]:
        self.stop()
        # A port of its own, so that tests run beside each other and beside whatever runs here.
        chosen = text.replace("outgrow run", "exec outgrow run --http 127.0.0.1:0")
        ready = r" all ready  .*\n" if _TOPOLOGY.search(text) else r" ready  .*\n"
        program = _Program(chosen, self.folder, self._environment(), ready)
        if program.wait_ready():
            self._program = program
            return 0, program.printed()
        return program.status, program.printed()

    def _run(self, text: str) -> tuple[int, str]:
        if self._program is not None:
            text = self._aimed(text)
            self._settle()
        ended = subprocess.run(
            ["sh", "-c", text],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS_MAX,
            check=False,
        )
        moved = re.search(r"(?:^|&& )cd ([\w-]+)$", text)
        if moved:
            self.folder /= moved[1]
        return ended.returncode, ended.stdout.decode()

    def _aimed(self, text: str) -> str:
        """*text* with the address of the program that runs, if one does, in place of the plan's."""
        return text.replace("localhost:8080", self.address) if self._program else text

    def _settle(self) -> None:
        """Events take a moment, and so does a reader; several processes twice the same moment."""
        before: list[int] = []
        while (activity := [a for a in map(_settled, self._sockets()) if a is not None]) != before:
            before = activity

    def _sockets(self) -> list[Path]:
        """The control channels of the processes that host services."""
        others = ("supervisor.sock", ".calls.sock")
        sockets = (self.folder / ".outgrow" / "run").glob("*.sock")
        return sorted(socket for socket in sockets if not socket.name.endswith(others))


def _settled(socket: Path) -> int | None:
    """How much the process behind *socket* had done when it was idle; None if it is away."""
    try:
        return int(ask(socket, "settle", seconds=SECONDS_MAX)["activity"])
    except ControlError:
        return None


class _Program:
    """
    A program that goes on until it is told to stop, at a terminal of its own.

    Args:
        ready: A pattern of the line by which it says that it is ready.
    """

    def __init__(self, text: str, folder: Path, environment: dict[str, str], ready: str) -> None:
        self._ready = ready
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            ["sh", "-c", text],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._lines: list[bytes] = []
        self._changed = threading.Condition()
        self._has_ended = False
        # A terminal that nobody reads would stop the program when it is full.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # The other side has been closed.
                data = b""
            with self._changed:
                self._lines.append(data)
                self._has_ended = not data
                self._changed.notify_all()
            if not data:
                return

    def printed(self) -> str:
        return b"".join(self._lines).decode().replace("\r\n", "\n")

    def wait_ready(self) -> bool:
        """Wait until it says that it is ready; whether it did, or ended instead."""
        with self._changed:
            is_over = self._changed.wait_for(
                lambda: self._has_ended or re.search(self._ready, self.printed()), SECONDS_MAX
            )
        assert is_over, f"not ready after {SECONDS_MAX} s:\n{self.printed()}"
        if self._has_ended:
            self._close()
        return not self._has_ended

    @property
    def status(self) -> int:
        return self._process.returncode

    @property
    def address(self) -> str:
        found = _ADDRESS.findall(self.printed())
        assert found, self.printed()
        return str(found[-1])

    def stop(self) -> str:
        os.killpg(self._process.pid, signal.SIGINT)
        self._close()
        assert self.status == 0, f"ended with status {self.status}:\n{self.printed()}"
        return self.printed()

    def _close(self) -> None:
        try:
            self._process.wait(STOP_SECONDS_MAX)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._reader.join(STOP_SECONDS_MAX)
            os.close(self._master)
