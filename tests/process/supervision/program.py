"""``outgrow run split`` as its user meets it: a small application in two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from outgrow.process import leashed
from outgrow.process.control import ask

END_SECONDS = 30.0
WAIT_SECONDS = 20.0
TICK_SECONDS = 0.01

NOTES = """
from counts import Counts
from outgrow import *
class Notes(Contract):
    @command("POST /notes")
    async def write(self, text: str) -> int: ...
    @query("GET /notes/{text}")
    async def get_note(self, text: str) -> int: ...
@service
class NotesService(Notes):
    counts: Counts
    async def write(self, text: str) -> int:
        print("writing", text)
        return await self.counts.add(text)
    async def get_note(self, text: str) -> int:
        return await self.counts.get_count(text)
"""
COUNTS = """
import os
from outgrow import *
class Counts(Contract):
    @command("POST /counts/{name}")
    async def add(self, name: str) -> int: ...
    @query("GET /counts/{name}")
    async def get_count(self, name: str) -> int: ...
@service
class CountsService(Counts):
    store: Store
    @transactional
    async def add(self, tx: Transaction, name: str) -> int:
        await tx.execute("insert into counts (name) values (:name)", name=name)
        return await tx.fetch_one(int, "select count(*) from counts where name = :name", name=name)
    async def get_count(self, name: str) -> int:
        async with self.store.read() as snapshot:
            sql = "select count(*) from counts where name = :name"
            return await snapshot.fetch_one(int, sql, name=name)
"""
TABLE = "create table counts (id integer primary key, name text not null);"
TOPOLOGY = """
[app]
name = "small"
services = ["notes", "counts"]
[gateway]
http = "127.0.0.1:0"
[topology.split]
gateway = "front"
[topology.split.process.front]
services = ["notes"]
[topology.split.process.back]
services = ["*"]
"""


def write_application(folder: Path, *, notes: str = NOTES, counts: str = COUNTS) -> Path:
    """A service that calls another one, which keeps a store."""
    (folder / "notes.py").write_text(notes)
    (folder / "counts.py").write_text(counts)
    migrations = folder / "counts_migrations"
    migrations.mkdir(exist_ok=True)
    (migrations / "0001_counts.sql").write_text(TABLE)
    (folder / "outgrow.toml").write_text(TOPOLOGY)
    return folder


class Program:
    """
    A supervisor, its log, and what it has started. Dies with this process.

    Attributes:
        lines: What it has logged so far.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        state: Path | None = None,
        program: tuple[str, ...] = ("-m", "outgrow"),
    ) -> None:
        self.state = state or folder / ".outgrow"
        self.lines: list[dict[str, Any]] = []
        self.others: list[str] = []
        self.process = subprocess.Popen(
            leashed(sys.executable, *program, "run", "split", "--open", *arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.end()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    self.others.append(line.decode())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def end(self) -> int:
        """Wait for its end, and for its last words; its exit status."""
        status = self.process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        if status:  # A test that fails of it shows why.
            told = [f"{line}\n" for line in self.lines if line["level"] != "info"]
            sys.stderr.writelines(told + self.others)
        return status

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """One Ctrl-C."""
        self.signal(signal.SIGINT)
        return self.end()

    def messages(self, process: str) -> list[str]:
        return [line["message"] for line in self.lines if line["process"] == process]

    def wait_line(
        self,
        message: str,
        process: str = "supervisor",
        *,
        nth: int = 1,
        seconds: float = WAIT_SECONDS,
    ) -> str:
        """The *nth* message of *process* that begins with *message*."""

        def found() -> bool:
            return sum(m.startswith(message) for m in self.messages(process)) >= nth

        with self._changed:
            self._changed.wait_for(lambda: found() or not self._reader.is_alive(), seconds)
        assert found(), f"{process} says no {message!r}: {self.lines} {self.others}"
        return [m for m in self.messages(process) if m.startswith(message)][nth - 1]

    def wait_ready(self, seconds: float = WAIT_SECONDS) -> Self:
        self.wait_line("all ready", seconds=seconds)
        return self

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of each process."""
        listed = ask(self.state / "run" / "supervisor.sock", "processes")
        return {process["name"]: process for process in listed}

    def wait_process(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> Any:
        """Wait until what the supervisor says of a process is so."""
        for _ in range(int(WAIT_SECONDS / TICK_SECONDS)):
            told = self.processes()[name]
            if condition(told):
                return told
            threading.Event().wait(TICK_SECONDS)
        raise AssertionError(self.processes()[name])

    def pid(self, name: str) -> int:
        return int(self.processes()[name]["pid"])

    def url(self, name: str = "front") -> str:
        return str(self.processes()[name]["http"])


def fetch(url: str, path: str, body: Any = None) -> Any:
    """The answer of a GET, or of a POST if there is a *body*."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url + path, data, headers)
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        return json.loads(answer.read() or b"null")


def wait_until(look: Callable[[], Any], wanted: Any) -> Any:
    """What *look* sees once it is *wanted*, or at last."""
    seen = look()
    for _ in range(int(WAIT_SECONDS / TICK_SECONDS)):
        if seen == wanted:
            break
        threading.Event().wait(TICK_SECONDS)
        seen = look()
    return seen


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


def wait_gone(pids: list[int], seconds: float) -> list[int]:
    """Those of *pids* that are still there after *seconds*."""
    for _ in range(int(seconds / TICK_SECONDS)):
        if all(is_gone(pid) for pid in pids):
            break
        threading.Event().wait(TICK_SECONDS)
    return [pid for pid in pids if not is_gone(pid)]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
