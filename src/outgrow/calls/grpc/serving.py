"""Streams as the server of their callee sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from outgrow.calls.failures import log_failure
from outgrow.calls.grpc.headers import is_stranger
from outgrow.calls.grpc.statuses import STOPPING, Ending, ending_of, tell_error
from outgrow.calls.grpc.streams import LAST, WANTED_HEADER
from outgrow.calls.protobuf import Conversion
from outgrow.calls.streaming import refused_item
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock, Timer
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import (
    ArgumentsRefused,
    CallError,
    CallFailed,
    CallTimedOut,
    ServiceUnreachable,
)

_UNSENT = (grpc.aio.UsageError, grpc.aio.InternalError)
"""What a message meets that cannot be sent any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingMethod:
    """
    One method that streams, as a server knows it.

    Attributes:
        is_stopping: Whether the server stops.
        let_in: ``(call) -> context``; raises if the call is refused.
        end: Ends a call otherwise than with a reply.
        clock: Deadlines are absolute on it.
    """

    method: Method
    conversion: Conversion
    invoke: Invoke
    bytes_max: int
    is_stopping: Callable[[], bool]
    let_in: Callable[[Any], Context]
    end: Callable[..., object]
    clock: Clock


class StreamsServed:
    """
    The streams that a server sends.

    They end first when it stops: many have no end of their own, and their callers can begin again
    elsewhere. What only reads a stream goes on as other calls do.
    """

    def __init__(self) -> None:
        self._open: dict[asyncio.Task[Any], _Sent] = {}

    def handler(self, served: StreamingMethod) -> Any:
        """What gRPC calls for each call of the method."""
        method = served.method

        async def handle_request(body: bytes, call: Any) -> None:
            await self._handle(served, call, body)

        async def handle_requests(_: Any, call: Any) -> None:
            await self._handle(served, call, None)

        if method.stream is None:
            return grpc.unary_stream_rpc_method_handler(handle_request)
        return grpc.stream_stream_rpc_method_handler(handle_requests)

    def end_all(self) -> None:
        """End all that are sent just now; their callers meet `ServiceUnreachable`."""
        for sent in self._open.values():
            sent.cut(stopping(sent.method, may_have_run=True))

    async def _handle(self, served: StreamingMethod, call: Any, body: bytes | None) -> None:
        task = asyncio.current_task()
        assert task is not None, "gRPC makes one for each call"
        if served.is_stopping():
            served.end(call, tell_error(stopping(served.method)), STOPPING)
            return
        sent = _Sent(served, call, task)
        if served.method.is_reply_stream:
            self._open[task] = sent
        try:
            await sent.serve(body)
        except asyncio.CancelledError as error:
            told = sent.cut_with
            if told is not None and not task.uncancel():
                more = (STOPPING,) if isinstance(told, ServiceUnreachable) else ()
                served.end(call, tell_error(told), *more)
            elif task.cancelling():
                raise
            else:
                served.end(call, ending_of(served.method, error))
        except _CallerGone as gone:
            raise asyncio.CancelledError from gone
        except Exception as error:  # noqa: BLE001 - the border where calls come in
            served.end(call, sent.ending(error))
        finally:
            sent.forget_deadline()
            self._open.pop(task, None)


def stopping(method: Method, *, may_have_run: bool = False) -> ServiceUnreachable:
    """What a caller meets whose callee's process stops."""
    text = "its process is stopping"
    return ServiceUnreachable(method.full_name, text, may_have_run=may_have_run)


class _CallerGone(Exception):
    """The caller has gone, and gRPC has not cancelled the call yet."""


class _Sent:
    """
    One call of a streaming method.

    Its deadline is kept by the reception while the method runs, and here while the call waits for
    its caller: for the first message, and until a reply is read. gRPC keeps the caller's own.

    Attributes:
        method: Which one.
        cut_with: What the caller meets, if the server has ended the call.
    """

    def __init__(self, served: StreamingMethod, call: Any, task: asyncio.Task[Any]) -> None:
        self.method = served.method
        self.cut_with: CallError | None = None
        self._served = served
        self._call = call
        self._task = task
        self._context: Context | None = None
        self._headers = asyncio.Lock()
        self._has_headers = False
        self._timer: Timer | None = None
        self._waits = self._is_late = self._has_begun = False

    def cut(self, told: CallError) -> None:
        """End the call; its caller meets *told*."""
        if self.cut_with is None:
            self.cut_with = told
            self._task.cancel()

    def forget_deadline(self) -> None:
        """The call has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _pass_deadline(self) -> None:
        self._is_late = True
        if self._waits:
            self.cut(self._late())

    def _late(self) -> CallTimedOut:
        return CallTimedOut(self.method.full_name, may_have_run=self._has_begun)

    async def serve(self, body: bytes | None) -> None:
        """Execute the method, and send what it replies."""
        served, call = self._served, self._call
        self._context = context = served.let_in(call)
        self._timer = served.clock.call_at(context.deadline, self._pass_deadline)
        received = None
        if body is None:
            with self._waiting():
                body = await call.read()
            if body is grpc.aio.EOF:
                text = "no message came, and the first one carries the arguments"
                raise ArgumentsRefused(served.method.full_name, [("body", text)])
            received = _Received(served, call, self.want)
        arguments = served.conversion.decode_request(body)
        if received is not None:
            arguments = received.put_into(arguments)
        self._has_begun = True
        if not served.method.is_reply_stream:
            await self._send(await served.invoke(context, *arguments))
            return
        items: Any = served.invoke(context, *arguments)
        try:
            async for item in items:
                if self.cut_with is not None:
                    # It was cancelled, and has gone on all the same.
                    raise asyncio.CancelledError
                await self._send(item)
        finally:
            await items.aclose()

    async def _send(self, item: Any) -> None:
        message = self._served.conversion.encode_reply(item)
        if len(message) > self._served.bytes_max:
            text = (
                f"its reply has {len(message)} bytes; at most {self._served.bytes_max} are carried"
            )
            raise CallFailed(self._served.method.full_name, "builtins.ValueError", text)
        with self._waiting():
            if self._served.method.is_reply_stream:
                # Headers go once. If this message sent them, and was cut off, its status would too.
                await self.want()
            try:
                await self._call.write(message)
            except _UNSENT as error:
                raise _CallerGone from error

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Wait for the caller, until the deadline."""
        if self._is_late:
            raise self._late()
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    async def want(self) -> None:
        """Let the caller give its items, if any: they are asked for, or it is replied to."""
        if self._has_headers:
            return
        async with self._headers:
            if not self._has_headers:
                try:
                    await self._call.send_initial_metadata(((WANTED_HEADER, "1"),))
                except _UNSENT as error:
                    raise _CallerGone from error
                self._has_headers = True

    def ending(self, error: BaseException) -> Ending:
        """What the caller is told, and the log, of an *error*."""
        if self._context is not None and isinstance(error, CallFailed):
            log_failure(error, self._context)
        return ending_of(self._served.method, error)


class _Received:
    """What the caller gives as a stream, read message by message."""

    def __init__(
        self, served: StreamingMethod, call: Any, want: Callable[[], Awaitable[None]]
    ) -> None:
        stream = served.method.stream
        assert stream is not None, "made for methods that read"
        self._name = stream.name
        self._served = served
        self._call = call
        self._first: Any = None
        self._place = 0
        self._want = want
        self._is_wanted = self._is_whole = False

    def put_into(self, arguments: list[Any]) -> list[Any]:
        """The *arguments* of the first message, with this in place of the item that it carries."""
        places = [n for n, p in enumerate(self._served.method.parameters) if p.is_stream]
        self._first, arguments[places[0]] = arguments[places[0]], self
        return arguments

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if not self._is_wanted:
            self._is_wanted = True
            await self._want()
        item, self._first = self._first, None
        while item is None:
            message = await self._call.read()
            if message is grpc.aio.EOF:
                self._see_whole()
                raise StopAsyncIteration
            self._is_whole = self._is_whole or message == LAST
            item = self._decode(message)
        self._place += 1
        return item

    def _decode(self, message: bytes) -> Any:
        decode = self._served.conversion.decode_item
        assert decode is not None, "there is one for methods that read"
        try:
            return decode(message)
        except ArgumentsRefused as refused:
            findings = refused.findings
            raise refused_item(self._served.method, self._name, self._place, findings) from refused

    def _see_whole(self) -> None:
        """Raise if this is no end: a caller that is outgrow says which message was the last."""
        if self._is_whole or is_stranger(self._call.invocation_metadata()):
            return
        text = "its caller has gone before the last item"
        raise ServiceUnreachable(self._served.method.full_name, text, may_have_run=True)
