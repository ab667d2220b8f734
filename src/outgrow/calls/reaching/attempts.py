"""One attempt at one endpoint: what it tells of the endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from outgrow.calls.deadlines import running_task
from outgrow.calls.reaching.judging import FAILING, SILENT, SLOW, SLOW_SECONDS_MIN, SLOWER, Judge
from outgrow.calls.reaching.paths import Path
from outgrow.calls.reaching.peers import GRAIN_SECONDS, Peer
from outgrow.clock import Clock
from outgrow.context import Context
from outgrow.contracts import Problem
from outgrow.errors import CallError, CallFailed, CallTimedOut, Overloaded, ServiceUnreachable

OVERLOADED_SLOWNESS: Final = 4.0
"""A refusal for overload counts as a call that was so many times slower than usual;"""

OVERLOADED_SLOWNESS_MAX: Final = 64.0
"""each further one counts as twice as slow as the endpoint is by then, up to this."""


class Attempts:
    """
    Makes attempts, and learns from how they end.

    What a reply says does not matter: a problem is one too. An endpoint that has too much to do is
    not left out, as the others would soon have too much as well; it counts as slower. A deadline
    that passes counts as the time that was waited: it was short, or the endpoint is slow.
    """

    def __init__(self, judge: Judge, machine: Clock) -> None:
        self._judge = judge
        self._monotonic = machine.monotonic
        self._loop = asyncio.get_running_loop()

    async def make(self, path: Path, context: Context, arguments: tuple[Any, ...]) -> Any:
        """
        The reply of the endpoint.

        Raises:
            Moved: It was not heard of, and others were.
        """
        peer, judge, task = path.peer, self._judge, running_task(self._loop)
        path.waiting[task] = started = self._monotonic()
        if task is not None and task.cancelling():
            path.cancelled[task] = task.cancelling()
        peer.in_flight += 1
        if not judge.is_looking:
            judge.look_later(started)
        try:
            reply = await path.invoke(context, *arguments)
        except asyncio.CancelledError as error:
            moved = path.was_moved(task)
            self._waited(path, started)
            if moved is None:
                judge.unknown(peer, self._monotonic())
                raise
            if peer.is_probed:
                judge.strike(peer, SILENT, self._monotonic())
            raise moved from error
        except BaseException as error:
            path.was_moved(task)
            self.failed(path, started, error)
            raise
        else:
            path.was_moved(task)
            self.replied(path, started)
            return reply
        finally:
            del path.waiting[task]
            if path.cancelled:
                path.cancelled.pop(task, None)
            peer.in_flight -= 1
            if peer.is_leaving and not peer.in_flight:
                await peer.close()

    async def read(self, path: Path, context: Context, arguments: tuple[Any, ...]) -> Any:
        """
        The reply of the endpoint to a call that sends a stream.

        How long that takes is the sender's matter, so nothing is learned from it.
        """
        peer, started = path.peer, self._monotonic()
        peer.in_flight += 1
        try:
            reply = await path.invoke(context, *arguments)
        except Exception as error:
            if isinstance(error, Problem):
                self._heard(peer, started)
            else:
                self.failed(path, self._monotonic(), error)
            raise
        else:
            self._heard(peer, started)
            return reply
        finally:
            await self._end(peer)

    def _heard(self, peer: Peer, started: float) -> None:
        """It has answered, however long that took."""
        now = self._monotonic()
        peer.calls += 1
        peer.heard_at = now
        if peer.out_until and started >= peer.out_since:
            self._judge.good(peer, 1.0, now)

    async def stream(
        self, path: Path, context: Context, arguments: tuple[Any, ...]
    ) -> AsyncGenerator[Any, None]:
        """The items of the endpoint's reply; how long the first one takes is learned from."""
        peer, monotonic, is_first = path.peer, self._monotonic, True
        asked = started = monotonic()
        items: Any = path.invoke(context, *arguments)
        peer.in_flight += 1
        try:
            async for item in items:
                if is_first:
                    is_first = False
                    self.replied(path, started)
                elif monotonic() > asked + GRAIN_SECONDS:
                    peer.heard_at = monotonic()  # What was not waited for came who knows when.
                yield item
                asked = monotonic()
            if is_first:
                self.replied(path, started)
        except Exception as error:
            if is_first or not isinstance(error, Problem):
                self.failed(path, started, error)
            raise
        finally:
            try:
                await items.aclose()  # Who waits for it may be cancelled.
            finally:
                await self._end(peer)

    async def _end(self, peer: Peer) -> None:
        """A stream is over; if it tried whether the endpoint is good, it may have found nothing."""
        self._judge.unknown(peer, self._monotonic())
        peer.in_flight -= 1
        if peer.is_leaving and not peer.in_flight:
            await peer.close()

    def replied(self, path: Path, started: float) -> None:
        """Learn from a reply to what began at *started*."""
        now = self._monotonic()
        peer, durations, elapsed = path.peer, path.durations, now - started
        peer.calls += 1
        peer.heard_at = now
        slowness = durations.slowness(elapsed)
        durations.take(elapsed)
        if peer.out_until:
            if started >= peer.out_since:
                self._judge.good(peer, slowness, now)
            return
        if elapsed > durations.longest:
            durations.take_longest(elapsed)
        peer.take(slowness, now)
        if slowness >= SLOW and elapsed - durations.usual >= SLOW_SECONDS_MIN:
            self._judge.strike(peer, SLOWER, now)
        else:
            peer.strikes = 0

    def failed(self, path: Path, started: float, error: BaseException) -> None:
        """Learn from what was raised instead of a reply."""
        peer, judge, now = path.peer, self._judge, self._monotonic()
        match error:
            case Problem():
                self.replied(path, started)
                return
            case Overloaded():
                peer.heard_at = now
                slowness = min(2 * peer.slowness, OVERLOADED_SLOWNESS_MAX)
                peer.slowness = max(peer.slowness, slowness, OVERLOADED_SLOWNESS)
                peer.stamp = now
                judge.later(peer, now)
            case ServiceUnreachable() if not error.may_have_run:
                judge.away(peer, now)
            case CallFailed() | ServiceUnreachable():
                judge.strike(peer, FAILING, now)
            case CallTimedOut():
                self._waited(path, started)
                if path.durations.slowness(now - started) >= SLOW:
                    judge.strike(peer, SLOWER, now)
            case CallError():
                peer.heard_at = now  # A refusal says nothing of how long a reply takes.
        judge.unknown(peer, now)
        peer.calls += 1
        peer.failures += 1

    def _waited(self, path: Path, started: float) -> None:
        """It took so long at least."""
        peer, now = path.peer, self._monotonic()
        slowness = path.durations.slowness(now - started)
        if slowness > peer.slowness:
            peer.slowness, peer.stamp = slowness, now
