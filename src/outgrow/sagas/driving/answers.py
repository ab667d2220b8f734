"""Callers wait for the end of sagas, as long as they have time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from outgrow.clock import SystemClock
from outgrow.errors import KeyReused, SagaAborted, SagaError, StillRunning
from outgrow.journal import Replies, Superseded
from outgrow.sagas import book
from outgrow.sagas.book import SagaRow
from outgrow.sagas.driving.execution import Execution
from outgrow.sagas.driving.outcomes import answer_of
from outgrow.sagas.driving.signals import Joined
from outgrow.store import Store

ANSWER_SECONDS: Final = 0.1
"""How long before its caller's deadline a call is answered with `StillRunning`."""

ASK_SECONDS: Final = 0.2
"""How often a caller looks whether a saga has ended that another process works at."""

_NOT_BEGUN: Final = "it was not begun, or has ended long ago."


class Running:
    """A saga that is worked at here."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.ended = asyncio.Event()
        self.error: Exception | None = None
        self.is_repeat = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, task: asyncio.Task[None]) -> None:
        """It is worked at in a task of its own, which nothing ends but `cancel`."""
        self._task, self.execution.may_be_cancelled = task, False

    def renew(self, execution: Execution) -> None:
        """Its method begins anew."""
        execution.may_be_cancelled = self.execution.may_be_cancelled
        self.execution = execution

    def cancel(self) -> None:
        """End the work at it."""
        self.execution.may_be_cancelled = True
        if self._task is not None:
            self._task.cancel()

    @property
    def row(self) -> SagaRow:
        return self.execution.log.row

    @property
    def place(self) -> tuple[str, str, str]:
        return self.row.method, self.row.scope, self.row.key


class Answers:
    """
    What callers of one service's sagas get. Lives as long as its engine.

    Args:
        running: What is worked at here, by the saga's id.
        is_by_hand: Whether nothing is worked at but in the tasks of callers.
    """

    def __init__(self, store: Store, running: Mapping[str, Running], *, is_by_hand: bool) -> None:
        self._store = store
        self._clock = store.clock
        self._machine = SystemClock()
        self._running = running
        self._is_by_hand = is_by_hand
        self._waiting: dict[str, list[asyncio.Event]] = {}
        self._is_draining = False

    def tell(self, saga_id: str) -> None:
        """Something has happened to a saga; whoever waits for it looks."""
        for event in self._waiting.get(saga_id, ()):
            event.set()

    def drain(self) -> None:
        """Let nobody wait any more for what is not worked at now: the process is to end."""
        self._is_draining = True
        for saga_id in self._waiting.keys() - self._running.keys():
            self.tell(saga_id)

    def supersede(self, saga_id: str) -> None:
        """See that nothing is written down any more by whoever works at a saga here."""
        running = self._running.get(saga_id)
        if running is not None:
            running.execution.log.is_superseded = True

    def let_go(self, saga_id: str) -> None:
        """Let work end that was superseded; whoever waits for the saga looks how it stands."""
        running = self._running.get(saga_id)
        if running is not None and running.execution.log.is_superseded:
            running.cancel()
        else:
            self.tell(saga_id)

    async def wait_for(
        self, running: Running, replies: Replies, digest: str, deadline: float
    ) -> Any:
        """
        Wait for the end of a saga, until shortly before its caller's *deadline*.

        Raises:
            Problem: It is the reply.
            SagaAborted: It was undone.
            StillRunning: It goes on.
            KeyReused: Its key was used before, with other arguments than those of *digest*.
        """
        until = deadline - ANSWER_SECONDS
        row = running.row
        if not await self._wait(running.ended, until):
            raise StillRunning(row.method, await self._written(running))
        if running.error is not None:
            raise running.error
        if running.is_repeat:
            row = await self._first_of(row)
            if row.arguments_hash != digest:
                raise KeyReused(row.method, row.key)
        while row.ended_at is None:
            row = await self._next_of(row, until)
        return answer_of(row, replies)

    async def _written(self, running: Running) -> str:
        """The id of a saga that is written down: *running*, or what was begun under its key."""
        try:
            await running.execution.log.begin()
        except Joined:
            return (await self._first_of(running.row)).id
        except Superseded:
            raise running.error or SagaAborted(
                running.row.method, running.row.id, _NOT_BEGUN
            ) from None
        return running.row.id

    async def _first_of(self, repeat: SagaRow) -> SagaRow:
        async with self._store.read() as snapshot:
            row = await book.find_key(snapshot, repeat.method, repeat.scope, repeat.key)
        if row is None:  # It was forgotten in this moment.
            raise StillRunning(repeat.method, repeat.id)
        return row

    async def _next_of(self, row: SagaRow, until: float) -> SagaRow:
        """How a saga stands once something has happened to it."""
        running, happened = self._running.get(row.id), asyncio.Event()
        if running is not None:
            happened = running.ended
        waiting = self._waiting.setdefault(row.id, [])
        waiting.append(happened)
        try:
            async with self._store.read() as snapshot:
                found = await book.find(snapshot, row.id)
            if found is None:
                raise SagaAborted(row.method, row.id, _NOT_BEGUN)
            if found.ended_at is not None:
                return found
            is_left = self._is_draining and running is None
            if self._is_by_hand or is_left:  # Nobody works at it until its caller asks again.
                why = None if found.error is None else SagaError(found.error)
                raise StillRunning(row.method, row.id) from why
            asks = self._store.is_shared and running is None
            has_happened = await self._wait(happened, until, asks=asks)
            if not has_happened and self._clock.monotonic() >= until:
                raise StillRunning(row.method, row.id)
        finally:
            waiting.remove(happened)
            if not waiting:
                self._waiting.pop(row.id, None)
        return running.row if running is not None else found

    async def _wait(self, event: asyncio.Event, until: float, *, asks: bool = False) -> bool:
        """
        Wait for *event*, but not longer than *until*; whether it has happened.

        Args:
            asks: Whether to return in between, to look at what other processes do. They do it in
                real time, whatever time a test has it be.
        """
        if event.is_set() or self._clock.monotonic() >= until:
            return event.is_set()
        over = asyncio.get_running_loop().create_future()

        def end() -> None:
            if not over.done():
                over.set_result(None)

        timers = [self._clock.call_at(until, end)]
        if asks:
            timers.append(self._machine.call_at(self._machine.monotonic() + ASK_SECONDS, end))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(event.wait())
            await asyncio.wait([waiting, over], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        for timer in timers:
            timer.cancel()
        return event.is_set()
