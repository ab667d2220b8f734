"""
Streams to another process, as their caller makes them.

A reply that is a stream is read message by message, each when it is asked for; HTTP/2's flow
control holds the other side up meanwhile. What is given as a stream is sent by a task of its own,
as soon as the callee has asked for its first item: it says so by sending its headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from outgrow.calls.grpc.exchange import Agreement
from outgrow.calls.protobuf import Conversion
from outgrow.calls.streaming import refused_item
from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import (
    ArgumentsRefused,
    CallFailed,
    CallTimedOut,
    ContractDiffers,
    ServiceUnreachable,
)

WANTED_SECONDS_MAX: Final = 0.5
"""How long items wait for headers; servers that are not outgrow may send theirs with the reply."""

WANTED_HEADER: Final = "outgrow-wants-items"
"""What a callee sends when it asks for the first item, and not if it refuses the call."""

LAST: Final = b""
"""
The message after the last item: without it, a server cannot tell an end from a cut.

It carries no item, so those that are not outgrow pass it over.
"""

_OVER = (
    grpc.aio.AioRpcError,
    grpc.aio.InternalError,
    grpc.aio.UsageError,
    asyncio.InvalidStateError,
)
"""What a message meets whose call has ended; its reader is told why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """
    What a transport lends to its streams.

    Attributes:
        remaining: ``(context) -> seconds``; raises if the call need not be made.
        metadata: ``(context, remaining) -> metadata``.
        met: What the caller meets if gRPC ends the call with an error.
        explain_closed: Raises what a call meets because the transport was closed, if it was.
    """

    channel: grpc.aio.Channel
    path: str
    bytes_max: int
    monotonic: Callable[[], float]
    remaining: Callable[[Context], float]
    metadata: Callable[[Context, float], Any]
    met: Callable[[grpc.aio.AioRpcError], BaseException]
    explain_closed: Callable[[BaseException], None]


class _Begun(NamedTuple):
    """A call that was let in, and its first message; None if it ended without any."""

    call: _StreamCall
    message: bytes | None


class Streams:
    """Makes the calls of one streaming method."""

    def __init__(
        self,
        method: Method,
        conversion: Conversion,
        connection: Connection,
        agreement: Agreement,
    ) -> None:
        self.method = method
        self.connection = connection
        self.encode_item = conversion.encode_item
        self.waits = True  # Until it is known that the server does not ask.
        self._conversion = conversion
        self._agreement = agreement
        channel, path = connection.channel, connection.path
        self._unary: Any = channel.unary_stream(path)
        self._both: Any = channel.stream_stream(path)

    def bind(self) -> Invoke:
        """What executes the method on the other side."""
        invoke: Any = self._stream if self.method.is_reply_stream else self._execute
        return invoke  # type: ignore[no-any-return]

    async def _stream(self, context: Context, *arguments: Any) -> AsyncGenerator[Any, None]:
        given, body = self._encode(arguments)
        decode, monotonic = self._conversion.decode_reply, self.connection.monotonic
        call: _StreamCall | None = None
        try:
            call, message = await self._begin(context, body, given)
            while message is not None:
                yield decode(message)
                if context.deadline <= monotonic():
                    raise CallTimedOut(self.method.full_name, may_have_run=True)
                message = await call.read()
        finally:
            await _end(call, given)

    async def _execute(self, context: Context, *arguments: Any) -> Any:
        given, body = self._encode(arguments)
        call: _StreamCall | None = None
        try:
            call, message = await self._begin(context, body, given)
            if message is None or await call.read() is not None:
                text = "the other side gave no reply, or more than one"
                raise CallFailed(self.method.full_name, "builtins.ValueError", text)
            return self._conversion.decode_reply(message)
        finally:
            await _end(call, given)

    def _encode(self, arguments: tuple[Any, ...]) -> tuple[Any, bytes]:
        """What was given as a stream, if anything was, and the message that begins the call."""
        given, ordinary = None, list(arguments)
        for n, parameter in enumerate(self.method.parameters):
            if parameter.is_stream:
                given, ordinary[n] = arguments[n], None
        body = self._conversion.encode_request(*ordinary)
        if len(body) > self.connection.bytes_max:
            raise ArgumentsRefused(
                self.method.full_name, [("arguments", self._too_large(len(body)))]
            )
        return given, body

    def _too_large(self, size: int) -> str:
        return f"{size} bytes; at most {self.connection.bytes_max} are carried"

    def encode_piece(self, place: int, item: Any) -> bytes:
        """The message that carries an *item* of the caller's stream, its *place* counted from 0."""
        stream = self.method.stream
        assert stream is not None
        assert self.encode_item is not None
        try:
            message = self.encode_item(item)
        except ArgumentsRefused as refused:
            raise refused_item(self.method, stream.name, place, refused.findings) from refused
        if len(message) > self.connection.bytes_max:
            finding = (stream.name, self._too_large(len(message)))
            raise refused_item(self.method, stream.name, place, [finding])
        return message

    async def _begin(self, context: Context, body: bytes, given: Any) -> _Begun:
        """Begin the call; again, if what the sides mean by it has to be found out first."""
        rounds, has_asked = self._agreement.rounds, False

        async def attempt() -> _Begun:
            nonlocal has_asked
            if has_asked:
                text = "it was replaced, and what was given to it by then cannot be given again"
                raise ServiceUnreachable(self.method.full_name, text, may_have_run=False)
            call = self._open(context, body, given)
            try:
                message = await call.read()
                await call.learn()
            except BaseException:
                await call.close()
                has_asked = call.has_asked
                raise
            return _Begun(call, message)

        try:
            return await attempt()
        except ContractDiffers as refusal:
            seconds_left = _seconds_left(context, self.connection.monotonic)
            return await self._agreement.repeat(self.method, refusal, rounds, seconds_left, attempt)

    def _open(self, context: Context, body: bytes, given: Any) -> _StreamCall:
        connection = self.connection
        remaining = connection.remaining(context)
        metadata = connection.metadata(context, remaining)
        if given is not None:
            call = self._both(timeout=remaining, metadata=metadata)
            return _StreamCall(self, call, body, given)
        return _StreamCall(self, self._unary(body, timeout=remaining, metadata=metadata))


def _seconds_left(context: Context, monotonic: Callable[[], float]) -> Callable[[], float]:
    return lambda: context.deadline - monotonic()


async def _end(call: _StreamCall | None, given: Any) -> None:
    """End what goes on at both sides: the call, and what was given to it."""
    try:
        if call is not None:
            await call.close()
    finally:
        if given is not None:
            await given.aclose()


class _StreamCall:
    """
    One call that goes on, and the task that sends what it was given.

    Attributes:
        has_asked: Whether the caller was asked for an item. Even if none was sent, the sending's
            end has ended what it was given, so that the rest is not all of it.
    """

    def __init__(self, streams: Streams, call: Any, body: bytes = b"", given: Any = None) -> None:
        self._streams = streams
        self._call = call
        self._messages = aiter(call)
        self._failure: BaseException | None = None
        self.has_asked = self._has_waited_in_vain = False
        self._sending: asyncio.Task[None] | None = None
        if given is not None:
            # A task group would have to stay open between two items, when others run here.
            loop = asyncio.get_running_loop()
            self._sending = loop.create_task(self._send(body, given))

    async def read(self) -> bytes | None:
        """The next message; None at the end."""
        try:
            return await anext(self._messages)
        except StopAsyncIteration:
            return None
        except grpc.aio.AioRpcError as error:
            self._raise_failure()
            raise self._streams.connection.met(error) from None
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                self._raise_failure()
            self._streams.connection.explain_closed(error)
            raise

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Tell the other side, if the call goes on, and end the sending."""
        self._call.cancel()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    async def _send(self, body: bytes, given: Any) -> None:
        call = self._call
        try:
            await call.wait_for_connection()
            await self._write(body)
            await self._wait_wanted()
        except _OVER:
            return
        place = 0
        while not call.done():
            self.has_asked = True
            try:
                message = self._streams.encode_piece(place, await anext(given))
            except StopAsyncIteration:
                await _passed_on(self._finish())
                return
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._fail(error)
                return
            except BaseException as error:  # noqa: BLE001 - the caller's own; it meets it
                self._fail(error)
                return
            place += 1
            if not await _passed_on(self._write(message)):
                return

    def _write(self, message: bytes) -> Awaitable[None]:
        # Its own `write` replaces the status of a call that has just ended by one of its own.
        return self._call._cython_call.send_serialized_message(message)  # type: ignore[no-any-return]  # noqa: SLF001

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._call.cancel()

    async def _finish(self) -> None:
        await self._write(LAST)
        await self._call.done_writing()

    async def _wait_wanted(self) -> None:
        """Wait until the other side wants items, has ended the call, or has had time for both."""
        if not self._streams.waits:
            return
        try:
            async with asyncio.timeout(WANTED_SECONDS_MAX):
                headers = await self._call.initial_metadata()
                if WANTED_HEADER not in headers:
                    await self._call.code()
        except TimeoutError:
            self._has_waited_in_vain = True  # It is not outgrow, or busy; its reply tells.

    async def learn(self) -> None:
        """Learn from the headers of a reply that has begun whether its server asks for items."""
        if self._sending is None:
            return
        if WANTED_HEADER in await self._call.initial_metadata():
            self._streams.waits = True
        elif self._has_waited_in_vain:
            self._streams.waits = False


async def _passed_on(writing: Awaitable[Any]) -> bool:
    """Whether a message was taken; otherwise the call has ended."""
    try:
        await writing
    except _OVER:
        return False
    return True
