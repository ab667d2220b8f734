"""Ask a running process by its control channel."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.channel import PREFIX

ANSWER_SECONDS_MAX = 60.0
READ_BYTES = 1 << 16


def ask(path: Path, verb: str, *, seconds: float = ANSWER_SECONDS_MAX, **arguments: Any) -> Any:
    """
    Ask the process behind the socket at *path*; blocks the thread until it answers.

    Args:
        verb: Such as ``health`` or ``statistics``.
        seconds: How long to wait for each part of the answer.
        arguments: The fields of the request.

    Raises:
        ControlError: Nobody answers there, or it could not do what it was asked.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(_request(verb, arguments))
            response = b"".join(iter(lambda: connection.recv(READ_BYTES), b""))
    except OSError as error:
        raise _unanswered(path, error) from error
    return _answer(path, verb, response)


async def ask_async(
    path: Path, verb: str, *, seconds: float = ANSWER_SECONDS_MAX, **arguments: Any
) -> Any:
    """
    Ask the process behind the socket at *path*, while other tasks go on. Otherwise as `ask`.

    Raises:
        ControlError: Nobody answers there, or it could not do what it was asked.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(_request(verb, arguments))
                response = await reader.read()
            finally:
                writer.close()
    except OSError as error:  # TimeoutError is one.
        raise _unanswered(path, error) from error
    return _answer(path, verb, response)


def _request(verb: str, arguments: dict[str, Any]) -> bytes:
    body = msgspec.json.encode(arguments)
    head = f"POST {PREFIX}{verb} HTTP/1.1\r\nhost: outgrow\r\nconnection: close\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _answer(path: Path, verb: str, response: bytes) -> Any:
    """What the other side answered; it ends the connection behind it."""
    head, _, body = response.partition(b"\r\n\r\n")
    try:
        status, answer = int(head.split(b" ", 2)[1]), msgspec.json.decode(body)
    except (IndexError, ValueError) as error:
        raise _unanswered(path, error) from error
    if "text" in answer and status == 400:
        raise ControlError(answer["text"], answer["kind"])
    if status != 200:
        raise ControlError(f"{path}: {verb} was refused: {answer['message']}")
    return answer


def _unanswered(path: Path, error: Exception) -> ControlError:
    return ControlError(
        f"{path}: no process answers there: {error!r}. Is it running? Start it with "
        "'outgrow run' in the folder of outgrow.toml."
    )
