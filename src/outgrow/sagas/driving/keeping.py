"""Sagas that became due, or were left by a process that died, are taken up; old ones forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final

from outgrow import crash
from outgrow.errors import SagaCodeMissing
from outgrow.journal import Replica, time_of, time_text
from outgrow.sagas import book, heard
from outgrow.sagas.driving.engine import RUNNING_MAX, Engine
from outgrow.sagas.driving.log import STEPS_MAX
from outgrow.sagas.driving.outcomes import told
from outgrow.store import Snapshot, Store, Transaction

TAKEN_PER_TURN: Final = 64
"""How many sagas are taken up in one unit of work."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked for sagas that another process left."""

LOOK_SECONDS_ALONE: Final = 60.0
"""How often due ones are looked for anyway, because the machine's time may be set anew."""

KEEP_SECONDS: Final = 24 * 60 * 60.0
"""How long a saga is remembered after its end."""

FORGET_SECONDS: Final = 1.0
"""How often it is looked for what may be forgotten."""

FORGOTTEN_PER_TURN: Final = 128
"""How many sagas are forgotten in one unit of work, so that nobody waits for it."""

_log = logging.getLogger("outgrow.sagas")


class Keeping:
    """
    Looks after the sagas of one service that nobody works at. Lives as long as its engine.

    Of several processes over one store the one that leads does; each takes up itself what it has
    lost while it goes on, which nobody else can see. Taking a saga up is one commit,
    which raises its epoch: of two who try, one succeeds.

    Args:
        replica: Says whether this process leads, and who lives.
        on_idle: Called whenever nothing is left to do until it is woken, or the clock moves.
    """

    def __init__(self, engine: Engine, replica: Replica, on_idle: Callable[[], object]) -> None:
        self.engine = engine
        self._store = engine.store
        self._clock = engine.clock
        self._replica = replica
        self._on_idle = on_idle
        self._woken = asyncio.Event()
        self._rested = asyncio.Event()
        self._kinds, self._hearing = (
            book.Kinds(engine.known.kinds),
            book.Kinds(engine.known.hearing),
        )
        self._is_stopping = False
        self._forget_at = self._clock.monotonic()

    def wake(self) -> None:
        """There may be something to do."""
        self._rested.clear()
        self._woken.set()

    def stop(self) -> None:
        """Let `run` end."""
        self._is_stopping = True
        self.wake()

    async def run(self) -> None:
        """Take up what is due, until `stop`; what is worked at then is left to the next start."""
        async with asyncio.TaskGroup() as group:
            self.engine.open(group, self.wake)
            try:
                while not self._is_stopping:
                    self._woken.clear()
                    try:
                        seconds = await self._turn()
                    except Exception as error:  # noqa: BLE001 - a border: it looks again later
                        _log.warning("%s: looking after sagas waits: %r", self.engine.name, error)
                        seconds = LOOK_SECONDS
                    if seconds > 0 and not self._woken.is_set():
                        self._rested.set()
                        self._on_idle()
                        await self._wait(seconds)
            finally:  # Before the group cancels its tasks: it is not their sagas' matter.
                self.engine.close()
        self._rested.set()

    async def release(self) -> None:
        """Let others take up at once what was worked at here."""
        await self._store.transact(book.release, self.engine.me, time_text(self._clock.now()))

    async def settle(self) -> float | None:
        """
        Wait until nothing is worked at or due.

        Returns:
            Seconds until what failed is tried again; None if nothing did. Pauses are no retries.
        """
        self.wake()
        while True:
            running = next(iter(self.engine.running.values()), None)
            if running is not None:
                await running.ended.wait()
            else:
                await self._rested.wait()
                if not self.engine.running and self._rested.is_set():
                    break
        async with self._store.read() as snapshot:
            moment = await book.next_retry(snapshot)
        return None if moment is None else max(self._seconds_until(moment), 0.0)

    async def statistics(self) -> dict[str, Any]:
        """How many sagas there are, by what they do, what was counted here, and the limits."""
        async with self._store.read() as snapshot:
            told = await book.counts(snapshot)
        return {
            **told,
            **self.engine.counted,
            "worked_at_here": len(self.engine.running),
            "worked_at_here_max": RUNNING_MAX,
            "steps_max": STEPS_MAX,
            "keep_seconds": KEEP_SECONDS,
        }

    async def _turn(self) -> float:
        """Take up some of what is due; for how long there is nothing to do."""
        rest = LOOK_SECONDS if self._store.is_shared else LOOK_SECONDS_ALONE
        room = min(TAKEN_PER_TURN, RUNNING_MAX - len(self.engine.running))
        leads = self._replica.leads()
        if room <= 0 or not (leads or self.engine.has_lost):
            return LOOK_SECONDS
        had_lost, self.engine.has_lost = self.engine.has_lost, False
        try:
            async with self._store.read() as snapshot:
                found, moment = await self._due(snapshot, room) if leads else ([], None)
                if self._store.is_shared or had_lost:
                    found += await self._orphans(snapshot, of_others=leads)
            if found:
                await self._take(found[:room])
        except BaseException:
            self.engine.has_lost = True  # Nobody knows what it has taken.
            raise
        if found:
            self.engine.has_lost |= len(found) > room  # Orphans are no longer due.
            return 0.0
        if leads and await self._forget():
            return 0.0
        return rest if moment is None else min(max(self._seconds_until(moment), 0.0), rest)

    async def _due(self, snapshot: Snapshot, room: int) -> tuple[list[book.Seen], str | None]:
        """What may be taken up, and when the next may be."""
        found = await book.due(snapshot, time_text(self._clock.now()), self._kinds, room)
        return found, await book.next_due(snapshot, self._kinds)

    async def _orphans(self, snapshot: Snapshot, *, of_others: bool) -> list[book.Seen]:
        """What nobody works at any more who said so; others see that of the dead only."""
        me, running = self.engine.me, self.engine.running
        found = await book.held(snapshot, self._kinds)
        lost = [seen for seen in found if seen.holder == me and seen.id not in running]
        held = [seen for seen in found if seen.holder != me]
        if not of_others or not held:
            return lost
        living = await self._replica.living(snapshot)
        return lost + [seen for seen in held if seen.holder not in living]

    async def _take(self, found: list[book.Seen]) -> None:
        async def unit(tx: Transaction) -> list[str]:
            me = self.engine.me
            return [seen.id for seen in found if await book.take(tx, seen, me)]

        crash.at("sagas.before_take")
        taken = await self._store.transact(unit)
        crash.at("sagas.after_take")
        async with self._store.read() as snapshot:
            written = [
                (await book.find(snapshot, saga), await book.steps_of(snapshot, saga))
                for saga in taken
            ]
        for row, steps in written:
            if row is not None:
                await self.engine.go_on(row, steps)

    async def _forget(self) -> bool:
        """Forget some of what ended long ago, or was heard; whether there may be more."""
        if self._clock.monotonic() < self._forget_at:
            return False
        count = await self._forget_ended() + await self._forget_heard()
        if not count:
            self._forget_at = self._clock.monotonic() + FORGET_SECONDS
        return count > 0

    async def _forget_ended(self) -> int:
        before = time_text(self._clock.now() - timedelta(seconds=KEEP_SECONDS))
        async with self._store.read() as snapshot:
            if not await book.may_forget(snapshot, before):
                return 0
        return await self._store.transact(book.forget, before, FORGOTTEN_PER_TURN)

    async def _forget_heard(self) -> int:
        """Forget events that no saga will ask for: each asks for those since it began."""
        before = time_text(self._clock.now() - timedelta(seconds=heard.HEARD_SECONDS))
        async with self._store.read() as snapshot:
            if not await heard.may_forget(snapshot, before):
                return 0
            oldest = await book.oldest_running(snapshot, self._hearing)
            before = min(before, oldest or before)
            if not await heard.may_forget(snapshot, before):
                return 0
        return await self._store.transact(heard.forget, before, FORGOTTEN_PER_TURN)

    def _seconds_until(self, moment: str) -> float:
        return (time_of(moment) - self._clock.now()).total_seconds()

    async def _wait(self, seconds: float) -> None:
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
            self._rested.clear()


async def check_codes(
    store: Store, kinds: Collection[tuple[str, int]], *, is_abandoned: bool
) -> None:
    """
    See whether this program has the code of all sagas of *store* that are under way.

    Args:
        kinds: What it has the code of: ``service.method`` and version.
        is_abandoned: Whether those without are left stuck, for an operator.

    Raises:
        SagaCodeMissing: It has not.
    """
    async with store.read() as snapshot:
        found = await book.versions(snapshot)
    missing = [(m, v, count) for m, v, count in found if (m, v) not in kinds]
    if missing and not is_abandoned:
        raise SagaCodeMissing([f"{m}, version {v}: {count}" for m, v, count in missing])
    for method, version, _ in missing:
        error = told(SagaCodeMissing([f"{method}, version {version}"]))
        count = await store.transact(book.abandon, method, version, error)
        _log.error("%s: %d sagas of version %d are left stuck", method, count, version)
