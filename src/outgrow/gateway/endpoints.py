"""What answers a request for a method of a contract."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

from outgrow.calls import Invoke, failure_of
from outgrow.clock import Clock
from outgrow.context import Caller, Context, new_id
from outgrow.contracts import Method, Nothing, encoder
from outgrow.errors import CallerNotAllowed, StillRunning
from outgrow.gateway.binding import Binder
from outgrow.gateway.exchange import Headers, Reply, Request
from outgrow.gateway.limits import Limits
from outgrow.gateway.operations import going_on
from outgrow.gateway.refusals import ClientGone, Refusal
from outgrow.gateway.streaming import LineReader, Lines, Streaming, framing_of
from outgrow.gateway.watchman import Watchman

Gone = Callable[[], Awaitable[None]]
"""Waits until the client has gone away."""

Authenticate = Callable[[Headers], Caller]

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_UTF8 = rb" *(?:; *charset *= *\"?utf-8\"?)? *"
_JSON = re.compile(rb"application/(?:[a-z0-9.+-]+\+)?json" + _UTF8, re.IGNORECASE)
_LINES = re.compile(rb"application/(?:(?:x-)?ndjson|jsonl)" + _UTF8, re.IGNORECASE)


class MethodEndpoint:
    """Answers the requests for one method. Lives as long as its edge."""

    def __init__(
        self,
        method: Method,
        invoke: Invoke,
        clock: Clock,
        *,
        authenticate: Authenticate,
        limits: Limits,
        watchman: Watchman,
    ) -> None:
        self._method = method
        self._invoke = invoke
        self._clock = clock
        self._authenticate = authenticate
        self._watchman = watchman
        self._binder = Binder(method, limits.findings_max)
        has_reply = not isinstance(method.reply, Nothing)
        self._encode = encoder(method.reply_hint) if has_reply else None
        stream = method.stream
        self._lines = None if stream is None else LineReader(method, stream, limits)
        seconds = limits.deadline_seconds_default
        if method.is_streaming:
            seconds = limits.stream_seconds_default
        self._deadline_seconds = method.deadline_seconds or seconds

    async def answer(self, request: Request) -> Reply | Streaming:
        """
        Call the method and answer with its reply; what replies with a stream is not called yet.

        Raises:
            Problem: It was the reply.
            CallError: The call failed, or its arguments do not fit.
            Refusal: The request cannot be a call of the method.
            ClientGone: The client went away, on which the call was cancelled.
        """
        method = self._method
        caller = self._authenticate(request.headers)
        if method.allow is not None and not caller.may(method.allow):
            raise CallerNotAllowed(method.full_name, method.allow, str(caller))
        key = self._key(request) if method.is_keyed else None
        lines = None if self._lines is None else self._lines_of(request, self._lines)
        body = await self._body(request) if lines is None else b""
        arguments = self._binder.bind(request.path_values, request.query, body, lines)
        context = Context(
            caller=caller,
            correlation_id=request.correlation_id,
            trace_id=request.trace_id,
            span_id=request.span_id,
            deadline=self._clock.monotonic() + self._deadline_seconds,
            method=method.full_name,
            key=key,
        )
        gone = request.wait_disconnect if lines is None else lines.wait_disconnect
        if method.is_reply_stream:
            return self._stream(request, context, arguments, gone)
        echo = request.headers.get(b"idempotency-key") if method.is_keyed else None
        headers = ((b"idempotency-key", echo),) if echo is not None else ()
        try:
            value = await self._call(gone, context, arguments)
        except StillRunning as running:
            return going_on(request, running, headers)
        if self._encode is None:
            return Reply(204, headers=headers)
        try:
            return Reply(200, self._encode(value), headers=headers)
        except (TypeError, ValueError) as error:
            # It ran, and what it gave is no JSON: a number that is infinite, or no data at all.
            raise failure_of(method.full_name, error) from error

    def _key(self, request: Request) -> str:
        key = request.headers.get(b"idempotency-key")
        if key is None:
            return new_id()
        if not _KEY.fullmatch(key):
            raise Refusal(
                400,
                "KeyUnreadable",
                "The Idempotency-Key has 1 to 255 visible ASCII characters and no spaces.",
            )
        return key.decode("ascii")

    async def _body(self, request: Request) -> bytes:
        if not request.has_unread_body:
            return b""
        if not self._binder.takes_body:
            raise Refusal(
                400,
                "BodyUnexpected",
                f"{request.verb} is sent without a body. Its parameters stand in the URL.",
            )
        _check_media_type(request, _JSON, "JSON", b"application/json")
        return await request.body()

    def _lines_of(self, request: Request, reader: LineReader) -> Lines:
        if request.has_unread_body:
            _check_media_type(request, _LINES, "lines of JSON", b"application/x-ndjson")
        return reader.lines(request)

    def _stream(
        self, request: Request, context: Context, arguments: tuple[Any, ...], gone: Gone
    ) -> Streaming:
        assert self._encode is not None, "the items of a stream are values"
        return Streaming(
            context.method,
            self._invoke(context, *arguments),
            self._encode,
            framing_of(request.headers),
            self._clock,
            seconds=self._deadline_seconds,
            wait_disconnect=gone,
        )

    async def _call(self, gone: Gone, context: Context, arguments: tuple[Any, ...]) -> Any:
        """Call the method, and cancel it if the client goes away meanwhile."""
        # Its deadline is the reception's to keep.
        watch = self._watchman.watch(gone, math.inf)
        try:
            try:
                return await self._invoke(context, *arguments)
            finally:
                if not watch.end_nowait():
                    await watch.end()
        except asyncio.CancelledError:
            if watch.takes_back():
                raise ClientGone from None
            raise


def _check_media_type(
    request: Request, pattern: re.Pattern[bytes], said: str, media_type: bytes
) -> None:
    sent = request.headers.get(b"content-type", b"")
    encoding = request.headers.get(b"content-encoding", b"identity")
    if pattern.fullmatch(sent) and encoding.lower() == b"identity":
        return
    shown = sent if encoding.lower() == b"identity" else encoding + b" encoding"
    raise Refusal(
        415,
        "MediaTypeUnsupported",
        f"The body is sent as {shown.decode('latin-1')[:100] or 'nothing in particular'}. "
        f"Send {said} in UTF-8, uncompressed, with content-type: {media_type.decode()}.",
        headers=((b"accept", media_type), (b"accept-encoding", b"identity")),
    )
