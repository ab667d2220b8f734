"""What a process is given by the supervisor that started it, and what the two say to each other."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import msgspec

from outgrow.errors import DefinitionError, Finding, OutgrowError

ENVIRONMENT = "OUTGROW_INHERITED"
"""The environment variable that holds an `Inheritance` as JSON."""

LOADED, SERVING, READY, FAILED = "loaded", "serving", "ready", "failed"
"""What a process says: its code is loaded; it can be called; it answers HTTP; it failed."""

OPEN, ANSWER = b"o", b"a"
"""What a supervisor says: open the stores and serve calls; answer HTTP."""


class Inheritance(msgspec.Struct, frozen=True, kw_only=True):
    """
    File descriptors that a process has from its supervisor, and how it should log.

    Attributes:
        channel: A socket to the supervisor.
        http: The socket on which clients wait; it stays open while the process is started again.
        lock: Held by all processes of a topology, so that the next supervisor waits for their end.
        is_terminal: Whether a person reads the logs at a terminal.
    """

    channel: int
    http: int
    lock: int
    is_terminal: bool


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """
    Why a process could not go on.

    Attributes:
        text: What it would have said to a person.
        findings: What is wrong with the program, if that was it.
    """

    text: str
    findings: list[Finding] = []


class Inherited:
    """The process's side of what it has from its supervisor. Lives as long as the process."""

    def __init__(self, inheritance: Inheritance) -> None:
        # What the process starts must not keep them open.
        for number in (inheritance.channel, inheritance.http, inheritance.lock):
            os.set_inheritable(number, False)
        self.is_terminal = inheritance.is_terminal
        self._lock = inheritance.lock
        self._channel = socket.socket(fileno=inheritance.channel)
        self._http = socket.socket(fileno=inheritance.http)

    def listening(self) -> socket.socket:
        """The socket on which clients wait."""
        self._http.setblocking(False)
        return self._http

    def say(self, word: str, more: str = "") -> None:
        """Tell the supervisor; it may be gone."""
        self._channel.setblocking(True)
        try:
            self._channel.sendall(f"{word} {more}\n".encode())
        except OSError:
            return

    def say_failed(self, error: OutgrowError) -> None:
        """Tell the supervisor why this process ends, so that it says it as this process would."""
        findings = error.findings if isinstance(error, DefinitionError) else []
        failure = Failure(text=str(error), findings=findings)
        self.say(FAILED, msgspec.json.encode(failure).decode())

    async def wait_told(self, word: bytes) -> bool:
        """Wait until the supervisor says *word*; false if it never will."""
        self._channel.setblocking(False)
        try:
            return await asyncio.get_running_loop().sock_recv(self._channel, 1) == word
        except OSError:
            return False


def take_inherited() -> Inherited | None:
    """What this process has from a supervisor; None if a person started it."""
    text = os.environ.pop(ENVIRONMENT, None)
    return None if text is None else Inherited(msgspec.json.decode(text, type=Inheritance))


def calls_path(state: Path, process: str) -> Path:
    """The Unix socket where *process* is called by the others."""
    return state / "run" / f"{process}.calls.sock"
