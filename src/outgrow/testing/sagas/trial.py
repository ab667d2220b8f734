"""One saga is begun on fresh stores, and followed to its end."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from outgrow.clock import ManualClock
from outgrow.contracts import Problem
from outgrow.errors import CallError, InternalError, SagaAborted, StillRunning
from outgrow.process import Application, Options, start_application
from outgrow.topology import read_topology

LOOK_SECONDS: Final = 0.01
WAIT_SECONDS: Final = 10.1
"""More than a call waits for its saga."""

ASKS_MAX: Final = 3
LEFT_SECONDS: Final = 30.0
"""How much is left to a saga whose step never answers; it failed before, and does again."""

TURNS_MAX: Final = 5_000
BEGAN: Final = datetime(2030, 1, 1, tzinfo=UTC)

Client = Callable[[Any], Any]
"""Makes a client of a contract, that may do everything."""

Story = Callable[[Client], Awaitable[Any]]

_OPEN = "select state, due_at, error from outgrow_saga where ended_at is null"
_FAILING = (
    "select deadline_at from outgrow_saga where ended_at is null and is_undoing = 0 "
    "and state = 'running' and attempts > 0"
)
_ENDS = "select state from outgrow_saga"


class Trial:
    """
    An application of which one story is asked, on stores that may have lived before.

    Args:
        file: The topology file.
        state: The folder of its stores.
    """

    def __init__(self, file: Path, state: Path, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(BEGAN)
        self._file = file
        self._state = state
        self.application: Any = None

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Application]:
        """The application, for as long as the block lasts."""
        options = dataclasses.replace(Options(), state=self._state, clock=self.clock)
        async with start_application(read_topology(self._file), options) as application:
            self.application = application
            yield application

    def client(self, contract: Any) -> Any:
        """A client of *contract*."""
        return self.application.client(contract)

    async def tell(self, story: Story) -> None:
        """Let *story* happen; what its sagas reply, and whether in time, is not asked."""
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(story))
            before = -1
            while (await asyncio.wait([telling], timeout=LOOK_SECONDS))[1]:
                now = await self.application.activity()
                if now == before and await self._waits():
                    self.clock.advance(WAIT_SECONDS)
                before = now

    async def _waits(self) -> bool:
        """Whether a saga waits for its time or an operator; what is only slow is not hurried."""
        return any(state == "stuck" or due for state, due, _ in await self._rows(_OPEN))

    async def _tell(self, story: Story) -> None:
        for _ in range(ASKS_MAX):
            try:
                await story(self.client)
            except (Problem, StillRunning, SagaAborted):
                return
            except CallError:
                continue  # It may not have begun: its first step is its own, and failed.
            return

    async def finish(self, *, leaps: bool = False) -> list[str]:
        """
        Let time pass until each saga has ended or is stuck; their states.

        Args:
            leaps: Whether something fails for ever, so that time may as well be nearly over.
        """
        for _ in range(TURNS_MAX):
            if leaps:
                await self._leap()
            seconds = await self.application.settle()
            if seconds is None:
                seconds = await self._next_due()
            if seconds is None:
                return [state for (state,) in await self._rows(_ENDS)]
            self.clock.advance(seconds)
        message = f"sagas are not at their end: {await self._rows(_OPEN)}"
        raise InternalError(message)

    async def _leap(self) -> None:
        now = self.clock.now()
        ends = [datetime.fromisoformat(end) for (end,) in await self._rows(_FAILING)]
        if ends and (seconds := (min(ends) - now).total_seconds()) > 2 * LEFT_SECONDS:
            self.clock.advance(seconds - LEFT_SECONDS)

    async def _next_due(self) -> float | None:
        dues = [due for state, due, _ in await self._rows(_OPEN) if state != "stuck" and due]
        if not dues:
            return None
        moment = datetime.fromisoformat(min(dues))
        return max((moment - self.clock.now()).total_seconds(), 0.0) + 0.001

    async def _rows(self, sql: str) -> list[Any]:
        found: list[Any] = []
        for hosted in self.application.stores.values():
            async with hosted.store.read() as snapshot:
                found += await snapshot.own(sql)
        return found
