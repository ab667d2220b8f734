"""Ask a running process by its control channel."""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.channel import PREFIX

ANSWER_SECONDS_MAX = 60.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("outgrow", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, verb: str, *, seconds: float = ANSWER_SECONDS_MAX, **arguments: Any) -> Any:
    """
    Ask the process behind the socket at *path*; blocks the thread until it answers.

    Args:
        verb: Such as ``health`` or ``statistics``.
        seconds: How long to wait for the answer.
        arguments: The fields of the request.

    Raises:
        ControlError: Nobody answers there, or it could not do what it was asked.
    """
    connection = _UnixConnection(path, seconds)
    try:
        connection.request("POST", PREFIX + verb, msgspec.json.encode(arguments))
        response = connection.getresponse()
        answer = msgspec.json.decode(response.read())
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise ControlError(_unanswered(path, error)) from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        message = f"{path}: {verb} was refused: {answer['message']}"
        raise ControlError(message)
    return answer


async def ask_async(
    path: Path, verb: str, *, seconds: float = ANSWER_SECONDS_MAX, **arguments: Any
) -> Any:
    """
    Ask the process behind the socket at *path*, while other tasks go on. Otherwise as `ask`.

    Raises:
        ControlError: Nobody answers there, or it could not do what it was asked.
    """
    body = msgspec.json.encode(arguments)
    head = f"POST {PREFIX}{verb} HTTP/1.1\r\nhost: outgrow\r\nconnection: close\r\n"
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
                response = await reader.read()
            finally:
                writer.close()
        told, _, payload = response.partition(b"\r\n\r\n")
        status, answer = int(told.split(b" ", 2)[1]), msgspec.json.decode(payload)
    except (OSError, TimeoutError, IndexError, ValueError) as error:
        raise ControlError(_unanswered(path, error)) from error
    if status != http.HTTPStatus.OK:
        raise ControlError(f"{path}: {verb} was refused: {answer['message']}")
    return answer


def _unanswered(path: Path, error: Exception) -> str:
    return (
        f"{path}: no process answers there: {error!r}. Is it running? Start it with "
        "'outgrow run' in the folder of outgrow.toml."
    )
