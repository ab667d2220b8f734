"""An answer that is sent item by item, as fast as its client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from outgrow.calls import failure_of
from outgrow.clock import Clock
from outgrow.gateway.exchange import Reply, Request, Send
from outgrow.gateway.refusals import ClientGone
from outgrow.gateway.streaming.framing import Framing

HEARTBEAT_SECONDS = 15.0
"""How long server-sent events are silent before a comment says that the stream goes on."""

LATE_SECONDS = 1.0
"""How long after its deadline a stream is cut whose client does not read."""

Begin = Callable[[Reply], Awaitable[None]]
Tell = Callable[[Exception], Reply]


class Streaming:
    """
    The answer to one request, before anything of it is sent.

    Args:
        method: Its full name.
        items: What the method replies with; not begun yet.
        encode: Writes an item as JSON.
        framing: How items are told from each other.
        clock: The application's clock.
        seconds: How long all of it may take.
        wait_disconnect: Waits until the client has gone away.
    """

    def __init__(
        self,
        method: str,
        items: Any,
        encode: Callable[[Any], bytes],
        framing: Framing,
        clock: Clock,
        *,
        seconds: float,
        wait_disconnect: Callable[[], Awaitable[None]],
    ) -> None:
        self._method = method
        self._items = items
        self._encode = encode
        self._framing = framing
        self._clock = clock
        self._seconds = seconds
        self._until = clock.monotonic() + seconds
        self._wait_disconnect = wait_disconnect
        self._sending = asyncio.Lock()
        self._has_begun = False
        self._last_sent = clock.monotonic()
        self._count = 0

    async def send(self, request: Request, send: Send, begin: Begin, tell: Tell) -> None:
        """
        Send all items and the end.

        The next item is asked for when the server has taken the one before: it waits while the
        client does not read.

        Args:
            begin: Sends the head.
            tell: What the client is told of a failure.

        Raises:
            Problem: It came instead of the first item, when nothing was sent; so does CallError.
            ClientGone: The client went away, or did not read until the deadline had passed.
        """
        self._send, self._begin = send, begin
        failure = await self._watched(request)
        if isinstance(failure, ClientGone) or (failure is not None and not self._has_begun):
            raise failure
        last = self._framing.end(self._count)
        if failure is not None:
            last = self._framing.failure(tell(failure).body)
        await self._finish(request, b"" if request.verb == "HEAD" else last)

    async def _finish(self, request: Request, last: bytes) -> None:
        """Send what is *last*; it may take what is left of the deadline, and a moment."""
        left = self._until - self._clock.monotonic()
        watch = request.watchman.watch(None, max(left, LATE_SECONDS))
        try:
            await self._write(last, more=request.has_unread_body)
        except asyncio.CancelledError:
            if watch.takes_back():
                raise ClientGone from None
            raise
        finally:
            watch.end_nowait()

    async def _watched(self, request: Request) -> Exception | None:
        """Send the items, as long as the client is there; returns what has failed."""
        watch = request.watchman.watch(self._wait_disconnect, self._seconds + LATE_SECONDS)
        try:
            try:
                return await self._with_heartbeat(request)
            finally:
                if not watch.end_nowait():
                    await watch.end()
        except asyncio.CancelledError:
            if watch.takes_back():
                raise ClientGone from None
            raise

    async def _with_heartbeat(self, request: Request) -> Exception | None:
        if not self._framing.heartbeat or request.verb == "HEAD":
            return await self._send_items(request)
        async with asyncio.TaskGroup() as group:
            beats = group.create_task(self._beat())
            failure = await self._send_items(request)
            beats.cancel()
        return failure

    async def _send_items(self, request: Request) -> Exception | None:
        is_head = request.verb == "HEAD"
        try:
            async for item in self._items:
                data = self._encoded(item)
                if is_head:
                    break
                await self._write(self._framing.item(self._count, data), more=True)
                self._count += 1
        except OSError:
            return ClientGone()
        except Exception as error:  # noqa: BLE001 - told to the client, and logged by who tells it
            return error
        finally:
            await self._items.aclose()
        return None

    def _encoded(self, item: Any) -> bytes:
        try:
            return self._encode(item)
        except (TypeError, ValueError) as error:
            raise failure_of(self._method, error) from error

    async def _beat(self) -> None:
        """Say something whenever there was nothing to say for a while."""
        while True:
            wait = self._last_sent + HEARTBEAT_SECONDS - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
                continue
            try:
                await self._write(self._framing.heartbeat, more=True)
            except OSError:
                return  # the next item meets it too

    async def _write(self, body: bytes, *, more: bool) -> None:
        async with self._sending:
            if not self._has_begun:
                self._has_begun = True
                await self._begin(Reply(200, b"", self._framing.content_type, _HEADERS))
                body = self._framing.begin + body
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
            self._last_sent = self._clock.monotonic()


_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
    (b"x-accel-buffering", b"no"),  # or nginx would hold items back until it has a page of them
)
