"""
The control channel: how the command line and tests reach a running process.

Every process serves ``outgrow.control.v1`` as HTTP with JSON on a Unix socket that only its own
user may open: ``curl --unix-socket .outgrow/run/main.sock http://outgrow/outgrow.control.v1/health``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from outgrow.errors import ControlError, OutgrowError

PREFIX = "/outgrow.control.v1/"
BODY_BYTES_MAX = 1 << 20

Verb = Callable[[dict[str, Any]], Awaitable[Any]]
logger = logging.getLogger("outgrow.process")


class ControlChannel:
    """
    The ASGI application behind the socket. Lives as long as its process.

    Args:
        verbs: What can be asked, by name. Each is given the JSON object of the request's body.
    """

    def __init__(self, verbs: dict[str, Verb]) -> None:
        self._verbs = verbs

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, answer = await self._answer(scope["path"], await _body(receive))
        body = msgspec.json.encode(answer, enc_hook=str)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str, body: bytes) -> tuple[int, Any]:
        verb = self._verbs.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
        if verb is None:
            known = ", ".join(PREFIX + name for name in sorted(self._verbs))
            return 404, {"message": f"{path}: nothing is found there. Known: {known}."}
        if len(body) > BODY_BYTES_MAX:
            return 413, {"message": f"the request is over {BODY_BYTES_MAX} bytes."}
        try:
            arguments = msgspec.json.decode(body or b"{}", type=dict[str, Any])
            return 200, await verb(arguments)
        except OutgrowError as error:
            kind = error.kind if isinstance(error, ControlError) else type(error).__name__
            return 400, {"message": f"{kind}: {error}", "kind": kind, "text": str(error)}
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            return 400, {"message": f"{type(error).__name__}: {error}"}
        except Exception as error:
            logger.exception("the control channel could not answer", extra={"verb": path})
            return 500, {"message": f"{type(error).__name__}: {error}"}


async def _body(receive: Any) -> bytes:
    body = b""
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body
