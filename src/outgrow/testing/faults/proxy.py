"""
Faults that happen to bytes: a proxy between two processes, which knows no protocol.

It forwards what it reads, and reads no more than the other side takes. What it does otherwise is
what networks do: it holds bytes, loses one side of a connection, is slow, or resets.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from outgrow.testing.faults.wishes import Fault

REPLY_BYTES_MIN: Final = 48
"""What comes back in one piece, and is larger, is taken for part of a reply."""

TICK_SECONDS: Final = 0.02
"""How often bytes pass where they are slow."""


_Receiver = asyncio.Protocol


def place_of(address: str) -> tuple[str, int] | str:
    """Host and port of *address*, or the path of its Unix socket."""
    scheme, _, path = address.partition(":")
    if scheme == "unix":
        return path
    host, _, port = address.rpartition(":")
    return host, int(port)


class _Side(_Receiver):
    """One side of a connection; what arrives here goes to the other."""

    def __init__(self, link: Link, *, is_caller: bool) -> None:
        self.link = link
        self.is_caller = is_caller
        self.transport: Any = None
        self.waiting = bytearray()
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.link.joined(self)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        self.link.pump(self)

    def eof_received(self) -> bool:
        self.has_ended = True
        self.link.pump(self)
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self.link.lost(self)

    def pause_writing(self) -> None:
        self.link.other(self).read(go_on=False)

    def resume_writing(self) -> None:
        self.link.other(self).read(go_on=True)

    def read(self, *, go_on: bool) -> None:
        """Read on, or stop reading."""
        if self.transport is not None and not self.transport.is_closing():
            if go_on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def abort(self) -> None:
        """Reset this side."""
        if self.transport is not None:
            self.transport.abort()


class Link:
    """One connection: the caller's side, the callee's, and what is wrong between them."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.caller = _Side(self, is_caller=True)
        self.callee = _Side(self, is_caller=False)
        self.is_dead = False
        self.is_joining = False
        self.is_greeted = False

    def other(self, side: _Side) -> _Side:
        """The other side."""
        return self.callee if side.is_caller else self.caller

    def joined(self, side: _Side) -> None:
        """Go on, now that *side* is there."""
        if side.is_caller:
            self.proxy.links[self] = None
            self.join()
        else:
            self.pump(self.caller)

    def join(self) -> None:
        """Connect to the callee, unless nothing passes."""
        if not self.proxy.is_holding and not self.is_joining:
            self.is_joining = True
            self.proxy.connect(self)

    def pump(self, side: _Side) -> None:
        """Send what *side* has sent on to the other, as far as bytes pass now."""
        other = self.other(side)
        if self.is_dead:
            side.waiting.clear()  # It goes nowhere.
            if side.has_ended:
                side.abort()
            return
        if self.proxy.is_holding:
            side.read(go_on=False)
            return
        if other.transport is None or not (side.waiting or side.has_ended):
            return
        if self.proxy.rate:
            self.proxy.drip(self, side)
            return
        self._send(side, other, len(side.waiting))

    def drip(self, side: _Side, count: int) -> None:
        """Send at most *count* bytes of *side* on."""
        self._send(side, self.other(side), min(count, len(side.waiting)))

    def _send(self, side: _Side, other: _Side, count: int) -> None:
        if other.transport.is_closing():
            return
        if not side.is_caller and self._is_spoilt(other, count):
            return
        if count:
            other.transport.write(bytes(side.waiting[:count]))
            del side.waiting[:count]
        if side.has_ended and not side.waiting and other.transport.can_write_eof():
            other.transport.write_eof()

    def _is_spoilt(self, other: _Side, count: int) -> bool:
        """Whether what comes back, *count* bytes, is where the connection breaks."""
        is_reply = self.is_greeted and count >= REPLY_BYTES_MIN
        self.is_greeted = True
        if is_reply and self.proxy.takes("reset"):
            other.transport.write(bytes(self.callee.waiting[: count // 2]))
            self.is_dead = True
            # What was written goes out first, and then the end comes without any word.
            asyncio.get_running_loop().call_soon(self.cut)
            return True
        if is_reply and self.proxy.takes("half_open"):
            self.half_open()
            return True
        return False

    def thaw(self) -> None:
        """Let pass what was held."""
        if self.is_dead:
            self.cut()
            return
        self.join()
        for side in (self.caller, self.callee):
            side.read(go_on=True)
            self.pump(side)

    def half_open(self) -> None:
        """Let the callee lose the connection, and its caller learn nothing of it."""
        self.is_dead = True
        self.callee.abort()

    def cut(self) -> None:
        """Reset both sides."""
        self.is_dead = True
        self.caller.abort()
        self.callee.abort()

    def lost(self, side: _Side) -> None:
        """End, for *side* has."""
        if side.is_caller or not self.is_dead:
            self.proxy.links.pop(self, None)
            other = self.other(side)
            if other.transport is not None:
                if self.proxy.is_holding:
                    self.proxy.links[self] = None
                    self.is_dead = True
                else:
                    other.transport.close()


class Proxy:
    """
    Passes bytes from an address of its own to another one.

    Attributes:
        address: Where it listens.
        links: The connections that are there.
        is_holding: Whether nothing passes.
        rate: How many bytes pass in a second, in each direction; 0 if all do.
    """

    def __init__(self, target: str, tasks: asyncio.TaskGroup) -> None:
        """
        Prepare to pass bytes to *target*: ``unix:<path>`` or ``<host>:<port>``.

        Args:
            tasks: Where connections are made.
        """
        self.target = target
        self.links: dict[Link, None] = {}
        self.is_holding = False
        self.rate = 0
        self.address = ""
        self._awaited = ""
        self._tasks = tasks
        self._server: asyncio.Server
        self._dripping: set[asyncio.TimerHandle] = set()

    async def start(self, address: str) -> None:
        """Listen at *address*; port 0 is chosen."""
        loop, place = asyncio.get_running_loop(), place_of(address)
        make: Callable[[], asyncio.Protocol] = lambda: Link(self).caller
        if isinstance(place, str):
            self._server = await loop.create_unix_server(make, place)
            self.address = address
        else:
            self._server = await loop.create_server(make, *place)
            self.address = f"{place[0]}:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Listen no more, and cut what there is."""
        self._server.close()
        for timer in self._dripping:
            timer.cancel()
        for link in list(self.links):
            link.cut()

    def begin(self, fault: Fault) -> None:
        """Let *fault* happen to what passes here."""
        self.is_holding = fault.black_hole
        self.rate = fault.slow_bytes
        self._awaited = "reset" if fault.reset_mid_reply else ""
        if fault.half_open and not self.links:
            self._awaited = "half_open"
        for link in list(self.links):
            if fault.half_open:
                link.half_open()
            elif fault.black_hole:
                link.caller.read(go_on=False)
                link.callee.read(go_on=False)

    def heal(self) -> None:
        """Let everything pass again; what was held does, and what is half open is cut."""
        self.is_holding, self.rate, self._awaited = False, 0, ""
        for link in list(self.links):
            link.thaw()

    def takes(self, fault: str) -> bool:
        """Whether *fault* is what happens to the next reply; it happens once."""
        if self._awaited != fault:
            return False
        self._awaited = ""
        return True

    def connect(self, link: Link) -> None:
        """Connect *link* to the target."""
        self._tasks.create_task(self._join(link))

    async def _join(self, link: Link) -> None:
        loop, place = asyncio.get_running_loop(), place_of(self.target)
        try:
            if isinstance(place, str):
                await loop.create_unix_connection(lambda: link.callee, place)
            else:
                await loop.create_connection(lambda: link.callee, *place)
        except OSError:
            link.cut()

    def drip(self, link: Link, side: _Side) -> None:
        """Send a little of what *side* has now, and the rest later."""
        share = max(1, int(self.rate * TICK_SECONDS))
        side.read(go_on=False)

        def tick() -> None:
            self._dripping.discard(timer)
            if self.rate and not link.is_dead:
                link.drip(side, share)
                if side.waiting:
                    self.drip(link, side)
                else:
                    side.read(go_on=True)

        timer = asyncio.get_running_loop().call_later(TICK_SECONDS, tick)
        self._dripping.add(timer)


class Proxies:
    """
    The proxies of one world, on a thread and an event loop of their own.

    So they go on whatever the loop of the test does. Lives as long as its world.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="og-")
        self._made: list[Proxy] = []
        self._is_there = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._tasks: asyncio.TaskGroup
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._is_there.wait()

    async def add(self, target: str) -> Proxy:
        """A proxy to *target*: on a Unix socket if that is one, or on a port."""
        is_unix = target.startswith("unix:")
        own = f"unix:{self._folder.name}/{len(self._made)}" if is_unix else "127.0.0.1:0"
        proxy = Proxy(target, self._tasks)
        self._made.append(proxy)
        await self._ask(proxy.start(own))
        return proxy

    async def begin(self, proxy: Proxy, fault: Fault) -> None:
        """Let *fault* happen to what passes *proxy*."""
        await self._ask(self._do(lambda: proxy.begin(fault)))

    async def heal(self, proxy: Proxy) -> None:
        """Let everything pass *proxy* again."""
        await self._ask(self._do(proxy.heal))

    async def close(self) -> None:
        """End all of them."""
        self._loop.call_soon_threadsafe(self._over.set)
        await asyncio.to_thread(self._thread.join)
        self._folder.cleanup()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with asyncio.TaskGroup() as self._tasks:
            self._is_there.set()
            await self._over.wait()
            for proxy in self._made:
                proxy.close()

    async def _do(self, act: Callable[[], None]) -> None:
        act()

    async def _ask(self, asked: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._loop))
