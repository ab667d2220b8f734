"""Calls to one service, spread over the endpoints that answer for it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from outgrow.calls.deadlines import running_task
from outgrow.calls.reaching.attempts import Attempts
from outgrow.calls.reaching.budgets import Budget
from outgrow.calls.reaching.choosing import Choice
from outgrow.calls.reaching.judging import Judge
from outgrow.calls.reaching.paths import Moved, Path
from outgrow.calls.reaching.peers import Durations, Peer
from outgrow.calls.transport import Invoke, Transport
from outgrow.clock import Clock, SystemClock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.discovery import Endpoint, Followed
from outgrow.errors import CallError, CallTimedOut, Overloaded, ServiceUnreachable

ATTEMPTS_MAX: Final = 3
"""Endpoints that one call tries, one right after the other."""

KNOWN_SECONDS_MAX: Final = 1.0
"""How long the first call waits for the directory's first answer."""


class Balanced:
    """
    A transport to one service: chooses the endpoint, and another one if that is none.

    An attempt that did not reach anybody, or was refused for overload, is made at another endpoint
    at once, if there is one that the call has not tried; one that may have run, only if a repeat
    does no harm. What is repeated though the service has had work with it is paid from the budget.
    Where no endpoint is left to try, the call fails: `Retrying` waits and begins anew. Calls with
    streams are made once here.

    Connections are made at the first call to an endpoint. When an endpoint leaves, no more calls go
    there; its connection is closed when the last one has ended.

    Args:
        followed: What the directory says of the service.
        connect: Makes a transport to one endpoint.
        clock: The clock on which the deadlines of contexts are told.
        budget: What repeats are paid from; one of its own if not given.
        machine: The machine's time, in which endpoints are judged. It passes while the
            application's clock stands still.
        draw: A random number from 0 to below 1.
        ejects: Whether endpoints are left out for being far worse than the others.
    """

    def __init__(
        self,
        followed: Followed,
        connect: Callable[[Endpoint], Transport],
        clock: Clock,
        *,
        budget: Budget | None = None,
        machine: Clock | None = None,
        draw: Callable[[], float] = random.random,
        ejects: bool = True,
    ) -> None:
        self._followed = followed
        self._connect = connect
        self._clock = clock
        self._machine = machine or SystemClock()
        self.budget = budget or Budget(self._machine)
        self._choice = Choice(draw)
        self._judge = Judge(
            followed.service, self._machine, self.budget, self._choice, ejects=ejects
        )
        self._attempts = Attempts(self._judge, self._machine)
        self._generation = -1
        self._durations: dict[str, Durations] = {}
        self._paths: dict[str, dict[Peer, Path]] = {}
        self._elsewhere_count = 0

    def bind(self, method: Method) -> Invoke:
        """What executes *method* at one of the endpoints."""
        if method.is_streaming:
            return self._bind_stream(method)
        make, choose, choice = self._attempts.make, self._chooser(method), self._choice
        followed = self._followed

        async def invoke(context: Context, *arguments: Any) -> Any:
            if followed.generation != self._generation or not choice.peers:
                await self._renew(method, context)
            path = choose(context)
            try:
                return await make(path, context, arguments)
            except (ServiceUnreachable, Overloaded, Moved) as error:
                failure = error
            return await self._elsewhere(method, path.peer, context, arguments, failure)

        return invoke

    def _bind_stream(self, method: Method) -> Invoke:
        attempts, choose = self._attempts, self._chooser(method)

        async def read(context: Context, *arguments: Any) -> Any:
            await self._renew(method, context)
            return await attempts.read(choose(context), context, arguments)

        async def stream(context: Context, *arguments: Any) -> AsyncGenerator[Any, None]:
            await self._renew(method, context)
            items = attempts.stream(choose(context), context, arguments)
            async with contextlib.aclosing(items):
                async for item in items:
                    yield item

        return stream if method.is_reply_stream else read  # type: ignore[return-value]

    def _chooser(self, method: Method) -> Callable[[Context], Path]:
        """What chooses where a call of *method* goes, if it can go anywhere."""
        judge, pick, clock = self._judge, self._choice.pick, self._clock
        paths = self._paths.setdefault(method.full_name, {})

        def choose(context: Context) -> Path:
            peer = None
            if judge.due != math.inf:
                peer = judge.probe(method, context.deadline - clock.monotonic())
            if peer is None:
                peer = pick()
            try:
                return paths.get(peer) or self._path(method, peer)
            except BaseException:
                judge.unknown(peer, self._machine.monotonic())
                raise

        return choose

    def _path(self, method: Method, peer: Peer) -> Path:
        """*method* at *peer*; made at the first call."""
        name = method.full_name
        path = self._paths[name].get(peer)
        if path is None:
            durations = self._durations.get(name)
            if durations is None:
                durations = self._durations[name] = Durations(self._machine.monotonic())
            invoke = peer.transport(self._connect).bind(method)
            path = self._paths[name][peer] = Path(method, peer, durations, invoke)
            self._judge.paths.append(path)
        return path

    async def _elsewhere(
        self,
        method: Method,
        peer: Peer,
        context: Context,
        arguments: tuple[Any, ...],
        failure: Exception,
    ) -> Any:
        """The outcome at other endpoints than *peer*, where the call met *failure*."""
        tried = [peer]
        may_have_run = False
        while True:
            error = failure if isinstance(failure, CallError) else _unheard(method, peer, failure)
            may_have_run |= error.may_have_run
            other = self._other(method, tried, context, failure)
            if other is None:
                error.may_have_run = may_have_run
                raise error
            peer = other
            tried.append(peer)
            self._elsewhere_count += 1
            path, task = self._path(method, peer), running_task(asyncio.get_running_loop())
            if self._choice.other(tried) is None:
                path.fix(task)
            try:
                return await self._attempts.make(path, context.again(), arguments)
            except (ServiceUnreachable, Overloaded, Moved) as again:
                failure = again
            except CallError as again:
                again.may_have_run |= may_have_run
                raise
            finally:
                path.unfix(task)

    def _other(
        self, method: Method, tried: list[Peer], context: Context, failure: Exception
    ) -> Peer | None:
        """Where a call that met *failure* is tried next, if anywhere."""
        if self._clock.monotonic() >= context.deadline:
            return None
        other = self._choice.other(tried)
        if other is None or isinstance(failure, Moved):
            return other
        if len(tried) >= ATTEMPTS_MAX:
            return None
        may_have_run = isinstance(failure, CallError) and failure.may_have_run
        if may_have_run and method.repeat == "unsafe":
            return None
        is_free = isinstance(failure, ServiceUnreachable) and not may_have_run
        return other if is_free or self.budget.draw() else None

    async def _renew(self, method: Method, context: Context) -> None:
        """
        Know the endpoints as the directory tells them now.

        Raises:
            ServiceUnreachable: There are none that take calls.
            CallTimedOut: The deadline passed before the directory said.
        """
        followed = self._followed
        if not followed.is_known:
            seconds = min(KNOWN_SECONDS_MAX, context.deadline - self._clock.monotonic())
            try:
                async with asyncio.timeout(seconds):
                    await followed.wait_known()
            except TimeoutError:
                if self._clock.monotonic() >= context.deadline:
                    raise CallTimedOut(method.full_name, may_have_run=False) from None
                raise _nowhere(method, followed) from None
        if followed.generation != self._generation:
            gone = self._take(followed)
            for peer in gone:
                await peer.close()
        if not self._judge.peers:
            raise _nowhere(method, followed)

    def _take(self, followed: Followed) -> list[Peer]:
        """Keep the endpoints that are still there; those that are not and where nothing waits."""
        now, judge = self._machine.monotonic(), self._judge
        self._generation = followed.generation
        known = {(p.endpoint.address, p.endpoint.instance): p for p in judge.peers}
        is_late = bool(known)
        judge.peers = []
        for endpoint in followed.endpoints:
            if endpoint.weight <= 0:
                continue
            peer = known.pop((endpoint.address, endpoint.instance), None)
            if peer is None:
                peer = Peer(endpoint, now, is_late=is_late)
            peer.endpoint = endpoint
            judge.peers.append(peer)
        for peer in known.values():
            peer.is_leaving = True
        judge.leaving = [p for p in (*judge.leaving, *known.values()) if p.in_flight]
        kept = {*judge.peers, *judge.leaving}
        for paths in self._paths.values():
            for peer in [each for each in paths if each not in kept]:
                del paths[peer]
        judge.paths = [path for paths in self._paths.values() for path in paths.values()]
        judge.arrange(now)
        return [peer for peer in known.values() if not peer.in_flight]

    async def close(self) -> None:
        """Close all connections, and forget them: who holds a client holds none of them."""
        judge = self._judge
        peers = (*judge.peers, *judge.leaving)
        judge.peers, judge.leaving, judge.paths = [], [], []
        self._choice.among(())
        for paths in self._paths.values():
            paths.clear()
        for peer in peers:
            await peer.close()

    def statistics(self) -> dict[str, Any]:
        """What is known of the endpoints, and what was decided."""
        judge, now = self._judge, self._machine.monotonic()
        return {
            "endpoints": [peer.statistics(now) for peer in judge.peers],
            "leaving": [peer.statistics(now) for peer in judge.leaving if peer.in_flight],
            "is_stale": self._followed.is_stale,
            "elsewhere": self._elsewhere_count,
            "moved": judge.moved,
            "left_out": judge.left_out,
            "returned": judge.returned,
            "methods": {
                name: {
                    "usual_ms": round(each.usual * 1_000, 3),
                    "overdue_ms": round(each.overdue(now) * 1_000, 1),
                }
                for name, each in self._durations.items()
            },
            "budget": self.budget.statistics(),
        }


def _unheard(method: Method, peer: Peer, failure: Exception) -> ServiceUnreachable:
    waited = f" for {failure.waited_seconds:.2f} s" if isinstance(failure, Moved) else ""
    message = f"nothing was heard from {peer.endpoint.address}{waited}, and no other is left to try"
    return ServiceUnreachable(method.full_name, message, may_have_run=True)


def _nowhere(method: Method, followed: Followed) -> ServiceUnreachable:
    """No endpoint takes calls, and the directory says so, or has said nothing."""
    service = followed.service
    if not followed.is_known:
        message = f"the directory has not said yet where {service!r} is"
    elif followed.endpoints:
        count = len(followed.endpoints)
        message = f"the directory knows {count} endpoints of {service!r}, all with the weight 0"
    else:
        message = f"the directory knows no process that answers for {service!r}"
    if followed.is_stale:
        message += "; it cannot be asked now, and this is its last good answer"
    return ServiceUnreachable(method.full_name, message, may_have_run=False)
