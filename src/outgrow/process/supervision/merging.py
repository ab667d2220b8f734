"""The logs of all processes, in one stream."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
from typing import BinaryIO

import msgspec

from outgrow.clock import Clock
from outgrow.telemetry import PROCESS_WIDTH

LINE_BYTES_MAX = 256 * 1024
PIPE_BYTES = 1024 * 1024
_OURS_AT_TERMINAL = re.compile(rb"\d\d:\d\d:\d\d\.\d{6} ")
_OF_NATS = re.compile(rb"\[\d+\] (?:\S+ \S+ )?\[(INF|DBG|TRC|WRN|ERR|FTL)\] (.*)")
_OF_GRPC = re.compile(
    rb"[IWE]\d{4} .* ssl_transport_security\.cc:\d+\] Handshake failed \S+ \S+ (.*)"
)
HANDSHAKES_SECONDS = 60.0
"""How often a failed handshake of one kind is told at most; in between they are counted."""

HANDSHAKES_KNOWN_MAX = 100
_UNKNOWN_TO_GRPC = re.compile(
    rb"[IWE]\d{4} .* ssl_transport_security\.cc:\d+\] No match found for server name: .*"
)
"""Said of a name that a client asked for. The handshake goes on, and how it ends is said too."""

_PLAIN = b"it spoke plain text, where only processes with a certificate are let in"
_MEANT = (
    (b"WRONG_VERSION_NUMBER", _PLAIN),
    (b"HTTP_REQUEST", _PLAIN),
    (b"PEER_DID_NOT_RETURN_A_CERTIFICATE", b"it showed no certificate"),
    (b"certificate has expired", b"its certificate has ended, or the clocks differ"),
    (b"certificate is not yet valid", b"its certificate has not begun, or the clocks differ"),
    (b"CERTIFICATE_VERIFY_FAILED", b"its certificate is of none of the authorities believed here"),
)
"""What gRPC says of a handshake, and what that means."""

_LEVELS = {b"WRN": "warning", b"ERR": "error", b"FTL": "critical"}


class Merged:
    """
    Writes the lines of many processes to one stream, each with the name of its process.

    What is a log line of ours already goes through as it is; anything else, such as what a service
    prints, becomes the message of one.

    Args:
        stream: Where all is written.
        clock: What time it is, for lines that do not say it.
        is_terminal: Whether a person reads there; otherwise each line is one JSON object.
    """

    def __init__(self, stream: BinaryIO, clock: Clock, *, is_terminal: bool) -> None:
        self.is_terminal = is_terminal
        self._stream = stream
        self._clock = clock
        self._handshakes: dict[tuple[str, bytes], tuple[float, int]] = {}

    def write(self, name: str, lines: list[bytes]) -> None:
        """Write *lines* of the process *name*; a stream that is gone takes nothing."""
        told = b"".join(self._line(name, line) for line in lines)
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(told)
            self._stream.flush()

    def _line(self, name: str, line: bytes) -> bytes:
        is_ours = (
            _OURS_AT_TERMINAL.match(line)
            if self.is_terminal
            else line.startswith(b'{"time":') and line.endswith(b"}")
        )
        if is_ours:
            return line + b"\n"
        level, text = "info", line
        of_nats = _OF_NATS.match(line)
        if of_nats is not None:
            level, text = _LEVELS.get(of_nats[1], ""), of_nats[2]
        elif (of_grpc := _OF_GRPC.fullmatch(line)) is not None:
            level, text = "warning", self._handshake(name, of_grpc[1])
        elif _UNKNOWN_TO_GRPC.fullmatch(line):
            return b""
        if not level or not text:
            return b""  # What a broker that is well has to say interests nobody.
        if self.is_terminal:
            return b"%s %s\n" % (f"{name:<{PROCESS_WIDTH}} |".encode(), text)
        told = {
            "time": self._clock.now().isoformat(timespec="microseconds"),
            "process": name,
            "level": level,
            "logger": "outgrow.process.output",
            "message": text.decode("utf-8", "replace"),
        }
        return msgspec.json.encode(told) + b"\n"

    def _handshake(self, name: str, reason: bytes) -> bytes:
        """What is said of a connection that failed before it was made; empty for nothing."""
        meant = next((meant for part, meant in _MEANT if part in reason), b"")
        now, key = self._clock.monotonic(), (name, meant or reason)
        if key not in self._handshakes and len(self._handshakes) >= HANDSHAKES_KNOWN_MAX:
            self._handshakes.clear()
        say_at, count = self._handshakes.get(key, (now, 0))
        if now < say_at:
            self._handshakes[key] = say_at, count + 1
            return b""
        self._handshakes[key] = now + HANDSHAKES_SECONDS, 0
        more = b" (%d times more since this was said)" % count if count else b""
        told = b"%s (%s)" % (meant, reason) if meant else reason
        return b"a connection was not made, and nobody said who it was: " + told + more


class LogPipe(asyncio.Protocol):
    """
    The reading end of what one process writes.

    Attributes:
        ended: Done when the process, and all that it has started, write no more.
    """

    def __init__(self, name: str, merged: Merged) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._name = name
        self._merged = merged
        self._rest = b""

    @classmethod
    async def open(cls, name: str, merged: Merged) -> tuple[LogPipe, int]:
        """The pipe, and the file descriptor to write to, which the caller closes."""
        reading, writing = os.pipe()
        # So that a supervisor which is stopped for a while does not stop the others soon.
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        pipe = cls(name, merged)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: pipe, os.fdopen(reading, "rb", 0))
        return pipe, writing

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            lines.append(self._rest)
            self._rest = b""
        self._merged.write(self._name, [line for line in lines if line])

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's words
        if self._rest:
            self._merged.write(self._name, [self._rest])
        if not self.ended.done():
            self.ended.set_result(None)
