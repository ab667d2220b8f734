"""What is due moves from the timers into the journal: in one commit, and so once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from outgrow import crash
from outgrow.errors import StoreUnreachable
from outgrow.journal.messages import time_of, time_text
from outgrow.journal.timing.book import TIMERS_MAX, TimerBook
from outgrow.store import Store, Transaction

TIMERS_PER_TURN: Final = 128
"""How many timers move in one unit of work, so that nobody waits for it."""

POLL_SECONDS: Final = 1.0
"""How often timers are looked at that another process may have set."""

LOOK_SECONDS: Final = 60.0
"""How often they are looked at anyway, because the machine's time may be set anew."""

RECOVER_SECONDS: Final = 1.0
"""The pause after the service's store failed."""

AWAY_SECONDS: Final = 10.0
"""How often it is said that a server is away, as long as it is."""

_TAKE = (
    "delete from outgrow_timer where number in ("
    "select number from outgrow_timer where due_at <= ? order by due_at, number limit ?) "
    "returning due_at, number, id, kind, type, schema, destination, key, partition, cause, "
    "correlation_id, trace, caller, tenant, body"
)
_NEXT = "select min(due_at) from outgrow_timer"
_COUNT = "select count(*), min(due_at) from outgrow_timer"

_log = logging.getLogger("outgrow.journal")


class TimerStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the timers of a service are doing.

    Attributes:
        service: Whose they are.
        timers: How many wait for their moment.
        timers_max: How many it may have.
        fired: How many have become rows of the journal since the start of this process.
        next_due_at: When the next one is due; None if there is none.
        lag_seconds: For how long that has been due; 0 if it is not.
    """

    service: str
    timers: int
    timers_max: int
    fired: int
    next_due_at: str | None
    lag_seconds: float


class Timers:
    """
    Fires the timers of one service. Lives as long as its process hosts the service.

    A timer is a row until it is due. Then one unit of work deletes it and writes what it says as a
    row of the journal: with a kill at any moment it is the one or the other. If two processes take
    the same one, the database lets one of them commit.

    Args:
        store: The service's.
        book: What units of work of this process set timers with.
        destinations: Told which services the commands are for.
        on_idle: Called whenever nothing is left to do until it is woken, or the clock moves.
        leads: Whether this process is the one that fires them; another looks now and then.
    """

    def __init__(
        self,
        store: Store,
        book: TimerBook,
        destinations: set[str],
        on_idle: Callable[[], object],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.fired = 0
        self.is_idle = False
        self.recovers_at: float | None = None
        self._store = store
        self._book = book
        self._clock = store.clock
        self._destinations = destinations
        self._on_idle = on_idle
        self._leads = leads
        self._due: float | None = None
        self._is_counted = False
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._quiet_until = self._clock.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do before the clock moves."""
        until = self._due if self.recovers_at is None else self.recovers_at
        if until is not None and until <= self._clock.monotonic():
            return True
        return not self.is_idle and self.recovers_at is None

    @property
    def is_resting(self) -> bool:
        """Whether it does nothing until it is woken, or the clock moves."""
        return self.is_idle or self.recovers_at is not None

    def wake(self) -> None:
        """There may be something to do."""
        self.is_idle = False
        self.recovers_at = None
        self._woken.set()

    def stop(self) -> None:
        """Let `run` end after what it is doing now."""
        self._is_stopping = True
        self._woken.set()

    def _tell(self, error: Exception) -> None:
        """Log *error*; that a server is away in one line, and now and then, as consumers do."""
        service, now = self._store.service, self._clock.monotonic()
        if not isinstance(error, StoreUnreachable):
            _log.error("%s: firing timers was interrupted", service, exc_info=error)
        elif now >= self._quiet_until:
            self._quiet_until = now + AWAY_SECONDS
            _log.warning("%s: firing timers waits. %s", service, error)

    async def run(self) -> None:
        """Fire what is due until `stop` is called."""
        while not self._is_stopping:
            self._woken.clear()
            try:
                wait_seconds = await self._turn()
            except Exception as error:  # noqa: BLE001 - a border: what it cannot do now it tries again later
                self._tell(error)
                wait_seconds = RECOVER_SECONDS
                if not self._woken.is_set():
                    self.recovers_at = self._clock.monotonic() + wait_seconds
            if wait_seconds > 0:
                self.is_idle = not self._woken.is_set()
                self._on_idle()
                await self._wait(wait_seconds)
                self.is_idle = False

    async def statistics(self) -> TimerStatistics:
        """How they are doing."""
        async with self._store.read() as snapshot:
            ((count, due_at),) = await snapshot.own(_COUNT)
        self._book.count = count
        ahead = 0.0 if due_at is None else self._seconds_until(due_at)
        return TimerStatistics(
            service=self._store.service,
            timers=count,
            timers_max=TIMERS_MAX,
            fired=self.fired,
            next_due_at=due_at,
            lag_seconds=max(-ahead, 0.0),
        )

    async def _turn(self) -> float:
        """Fire some of what is due; how long there is nothing to do."""
        look_seconds = POLL_SECONDS if self._store.is_shared else LOOK_SECONDS
        self._due = None
        if not self._is_counted:
            await self.statistics()
            self._is_counted = True
        if not self._leads():
            return look_seconds
        async with self._store.read() as snapshot:
            ((due_at,),) = await snapshot.own(_NEXT)
        if due_at is None:
            return look_seconds
        ahead = self._seconds_until(due_at)
        if ahead > 0:
            self._due = self._clock.monotonic() + ahead
            return min(ahead, look_seconds)
        crash.at("timers.before_fire")
        count = await self._store.transact(self._fire)
        self.fired += count
        self._book.count -= count
        crash.at("timers.after_fire")
        return 0.0

    async def _fire(self, tx: Transaction) -> int:
        now = time_text(self._clock.now())
        rows = await tx.own(_TAKE, (now, TIMERS_PER_TURN))
        crash.at("timers.in_fire")
        for _, _, *row in sorted(rows, key=lambda row: row[:2]):
            tx.entries.append(self._entry(now, *row))
        return len(rows)

    def _entry(self, now: str, timer: str, *columns: Any) -> tuple[Any, ...]:
        """The row of the journal: recorded now, and otherwise as it was when the timer was set."""
        kind, type_, schema, destination, key, partition, *told, body = columns
        if destination is not None:
            self._destinations.add(destination)
        return (timer, kind, type_, schema, destination, key, partition, *told, now, body)

    def _seconds_until(self, due_at: str) -> float:
        return (time_of(due_at) - self._clock.now()).total_seconds()

    async def _wait(self, seconds: float) -> None:
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self.wake)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
