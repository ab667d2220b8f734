"""One request and its reply, as plain as ASGI gives and takes them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import msgspec

from outgrow.context import new_id, new_span_id, new_trace_id, parse_traceparent
from outgrow.gateway.limits import Limits
from outgrow.gateway.refusals import ClientGone, Refusal
from outgrow.gateway.watchman import Watchman

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

SMALL_BODY_BYTES = 64 * 1024

GONE = "outgrow.gone"
"""What our listener tells of the connection of a request, in the request's ``state``."""

_CORRELATION_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class Reply(msgspec.Struct, frozen=True):
    """What is answered: a status, headers beyond the usual ones, and a body."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Request:
    """
    A request. Its head is at hand; its body is read when it is asked for.

    Attributes:
        root: The path that the edge is mounted at; mostly empty.
        gone: Set when the client has gone away; None if another server than ours has the request,
            where that is told only to who reads on.
    """

    __slots__ = (
        "_is_too_slow",
        "_limits",
        "_receive",
        "correlation_id",
        "gone",
        "has_unread_body",
        "headers",
        "path",
        "path_values",
        "query",
        "raw_path",
        "root",
        "route",
        "span_id",
        "trace_id",
        "verb",
        "watchman",
    )

    def __init__(self, scope: Scope, receive: Receive, limits: Limits, watchman: Watchman) -> None:
        self._receive = receive
        self.watchman = watchman
        self._is_too_slow = False
        self._limits = limits
        self.gone: asyncio.Event | None = scope.get("state", {}).get(GONE)
        # Of a header that comes twice the last one counts.
        self.headers: Headers = dict(scope["headers"])
        self.verb: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.root: str = scope.get("root_path", "").rstrip("/")
        self.path, self.raw_path = _paths(scope, self.root)
        self.path_values: tuple[str, ...] = ()
        self.route = ""
        self.has_unread_body = (
            self.headers.get(b"content-length", b"0") != b"0"
            or b"transfer-encoding" in self.headers
        )
        correlation_id = self.headers.get(b"x-correlation-id")
        if correlation_id is not None and _CORRELATION_ID.fullmatch(correlation_id):
            self.correlation_id = correlation_id.decode("ascii")
        else:
            self.correlation_id = new_id()
        parent = self.headers.get(b"traceparent")
        trace = parse_traceparent(parent.decode("latin-1")) if parent is not None else None
        self.trace_id = trace[0] if trace else new_trace_id()
        self.span_id = new_span_id()

    def segments(self) -> list[str]:
        """
        The path's segments, decoded one by one, so that ``%2F`` stays inside of its segment.

        Raises:
            Refusal: The path is not percent-encoded UTF-8.
        """
        if "%" not in self.raw_path:
            return self.path.split("/")[1:]
        try:
            return [unquote(part, errors="strict") for part in self.raw_path.split("/")[1:]]
        except UnicodeDecodeError as error:
            raise Refusal(
                400,
                "PathUnreadable",
                "The path is not percent-encoded UTF-8. Encode its segments as UTF-8.",
            ) from error

    def check_head(self) -> None:
        """
        Let pass what keeps the limits of a request's head.

        Raises:
            Refusal: It does not.
        """
        limits = self._limits
        if len(self.query) > limits.query_bytes_max:
            raise Refusal(
                414,
                "QueryTooLong",
                f"The query string has {len(self.query)} bytes; at most {limits.query_bytes_max} "
                "are read. Send long values in a body.",
            )
        head_bytes = sum(map(len, self.headers)) + sum(map(len, self.headers.values()))
        if head_bytes > limits.head_bytes_max:
            raise Refusal(
                431,
                "HeadersTooLarge",
                f"The headers have {head_bytes} bytes; at most {limits.head_bytes_max} are read.",
            )

    async def body(self) -> bytes:
        """
        The whole body.

        Raises:
            Refusal: It is over the limit, found before all of it is read, or comes too slowly.
            ClientGone: The client went away before it had sent all of it.
        """
        if not self.has_unread_body:
            return b""
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._limits.body_bytes_max:
            raise self._too_large(int(length))
        watch = self.watchman.watch(None, self._limits.body_seconds_max)
        try:
            return await self._read()
        except asyncio.CancelledError:
            if not watch.takes_back():
                raise
            self._is_too_slow = True
            raise Refusal(
                408,
                "BodyTooSlow",
                f"The body had not arrived after {self._limits.body_seconds_max:g} s.",
            ) from None
        finally:
            watch.end_nowait()

    async def _read(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            chunk = await self.chunk()
            size += len(chunk)
            if size > self._limits.body_bytes_max:
                raise self._too_large(size)
            chunks.append(chunk)
            if not self.has_unread_body:
                return chunk if len(chunks) == 1 else b"".join(chunks)

    async def chunk(self) -> bytes:
        """
        What has arrived of the body; `has_unread_body` says whether more follows.

        Raises:
            ClientGone: The client went away before it had sent all of it.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.has_unread_body = False
            raise ClientGone
        if not message.get("more_body", False):
            self.has_unread_body = False
        return message.get("body", b"")  # type: ignore[no-any-return]

    def _too_large(self, size: int) -> Refusal:
        return Refusal(
            413,
            "BodyTooLarge",
            f"The body has {size} bytes or more; at most {self._limits.body_bytes_max} are read.",
            body_bytes_max=self._limits.body_bytes_max,
        )

    async def wait_disconnect(self) -> None:
        """Wait until the client has gone away, or has its whole answer."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def has_small_unread_body(self) -> bool:
        """Whether a body is unread that is so small that it has probably arrived already."""
        length = self.headers.get(b"content-length", b"")
        is_small = length.isdigit() and int(length) <= SMALL_BODY_BYTES
        return self.has_unread_body and is_small and b"expect" not in self.headers

    async def discard_body(self, bytes_max: int, seconds_max: float) -> None:
        """Read on and forget, until the body ends or that has been enough."""
        if self._is_too_slow:
            return
        try:
            async with asyncio.timeout(seconds_max):
                while bytes_max > 0:
                    message = await self._receive()
                    bytes_max -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        self.has_unread_body = False
                        return
        except TimeoutError:
            self._is_too_slow = True


def _paths(scope: Scope, root: str) -> tuple[str, str]:
    """The path decoded and as it was sent, both below *root*, where the edge is mounted."""
    path: str = scope["path"]
    raw = scope.get("raw_path")
    raw_path = path if raw is None else raw.decode("latin-1")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
        raw_path = raw_path.removeprefix(root)
    return path, raw_path
