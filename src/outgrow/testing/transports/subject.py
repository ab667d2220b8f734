"""The callee of the suite, and what remembers its replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from outgrow.calls import MISSING
from outgrow.context import Context, context
from outgrow.contracts import Method, Problem, read_contract
from outgrow.errors import KeyReused
from outgrow.testing.transports.contract import Probe, Seen


class Subject:
    """
    Does what each behaviour wants it to, and notes what it was asked.

    Attributes:
        calls: ``(method, *arguments)`` of each execution that has begun.
        contexts: The contexts of these executions.
        cancelled: How many of them were cancelled.
        ended: How many of them have ended, in whatever way.
        changed: Set at each beginning and end of an execution.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._runs: dict[str, Callable[..., Any]] = {"see": self._see}
        self.calls: list[tuple[Any, ...]] = []
        self.contexts: list[Context] = []
        self.cancelled = 0
        self.ended = 0
        self.changed = asyncio.Event()

    def on(self, name: str, run: Callable[..., Any]) -> None:
        """Let *run* be what the method *name* does."""
        self._runs[name] = run

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Return when *holds*, looked at whenever something changes here."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def play(*arguments: Any) -> Any:
            self._begin(name, arguments)
            try:
                return await self._runs[name](*arguments)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self._end()

        async def play_items(*arguments: Any) -> AsyncGenerator[Any, None]:
            self._begin(name, arguments)
            try:
                async with aclosing(self._runs[name](*arguments)) as items:
                    async for item in items:
                        yield item
            finally:
                self._end()

        is_stream = read_contract(Probe).methods[name].is_reply_stream
        return play_items if is_stream else play

    def _end(self) -> None:
        self.ended += 1
        self.changed.set()

    def _begin(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.calls.append((name, *arguments))
        self.contexts.append(context())
        self.changed.set()

    async def _see(self) -> Seen:
        return seen(self._monotonic())


def seen(now: float) -> Seen:
    """The context of the execution that goes on, as its callee sees it."""
    own = context()
    return Seen(
        kind=own.caller.kind,
        subject=own.caller.subject,
        permissions=sorted(own.caller.permissions),
        tenant=own.caller.tenant,
        correlation_id=own.correlation_id,
        trace_id=f"{own.trace_id:032x}",
        span_id=f"{own.span_id:016x}",
        method=own.method,
        key=own.key,
        via=own.via,
        remaining_seconds=own.deadline - now,
        has_transaction=own.transaction is not None,
    )


class InMemory:
    """What a callee remembers of its commands, as long as the behaviour goes on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str | None], tuple[bytes, Any]] = {}

    async def recall(self, method: Method, context: Context, arguments_hash: bytes) -> Any:
        """The reply to the caller's key."""
        known, outcome = self._kept.get(_scope(context), (arguments_hash, MISSING))
        if known != arguments_hash:
            raise KeyReused(method.full_name, context.key or "")
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def remember(
        self, method: Method, context: Context, arguments_hash: bytes, outcome: Any
    ) -> Any:
        """Keep *outcome*."""
        known, kept = self._kept.setdefault(_scope(context), (arguments_hash, outcome))
        if known != arguments_hash:
            raise KeyReused(method.full_name, context.key or "")
        return kept


def _scope(context: Context) -> tuple[str, str, str | None]:
    return context.caller.kind, context.caller.subject, context.key
