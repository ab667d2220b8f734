"""Units that only record: committed with their neighbours by one copy."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, NoReturn

from outgrow import crash
from outgrow.errors import CommitUnknown, StatementFailed, TransactionClosed
from outgrow.store.driver import outlast, shield
from outgrow.store.postgres.connection import Connection, RunAgain, explain
from outgrow.store.postgres.pool import Pool
from outgrow.store.postgres.units import Desk, Work
from outgrow.store.threads import Patience
from outgrow.store.transaction import Transaction

UNITS_PER_COMMIT_MAX: Final = 256


class _Place:
    """A unit's place in the queue; its future tells it that it is committed, or has to lead."""

    __slots__ = ("error", "is_leader", "turn", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.turn = Patience(loop=asyncio.get_running_loop())
        self.error: BaseException | None = None
        self.is_leader = False


class Appender:
    """
    Commits what many units recorded, one batch at a time.

    The unit that comes first leads: in its task the batch is written. Who comes meanwhile waits,
    and the first of them leads the next batch.

    Attributes:
        batches: How many were committed.
    """

    def __init__(self, desk: Desk, pool: Pool) -> None:
        self._desk = desk
        self._pool = pool
        self._queue: deque[_Place] = deque()
        self._is_led = False
        self.batches = 0

    async def append(self, work: Work) -> None:
        """
        Commit what *work*, which ran no statement, recorded.

        Raises:
            UnitError: It was not written; its neighbours were.
            CommitUnknown: The connection ended before the answer came.
            RunAgain: The connection was lost, or others were in the way; nothing was written.
        """
        place = _Place(work)
        self._queue.append(place)
        if self._is_led:
            await outlast(work, place.turn)
        else:
            self._is_led = place.is_leader = True
        if place.is_leader:
            await self._lead(place)
        if place.error is not None:
            raise place.error

    async def _lead(self, leader: _Place) -> None:
        soon = Patience(loop=asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(soon.set_result, None)
        await outlast(leader.work, soon)  # Those who come in this turn join in.
        count = min(len(self._queue), UNITS_PER_COMMIT_MAX)
        batch = [self._queue.popleft() for _ in range(count)]
        try:
            await shield(leader.work, self._write_all(batch))
        except BaseException as error:
            for place in batch:
                place.error = place.error or error
            raise
        finally:
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].is_leader = True
                self._queue[0].turn.set_result(None)
            for place in batch:
                if place is not leader and not place.turn.done():
                    place.turn.set_result(None)

    async def _write_all(self, batch: list[_Place]) -> None:
        error = await self._write(batch)
        if error is None:
            return
        if len(batch) == 1 or not isinstance(error, StatementFailed):
            self._fail(batch, error)
            return
        # One of them cannot be written: each on its own, so that its neighbours are.
        for index, place in enumerate(batch):
            place.error = await self._write([place])
            if isinstance(place.error, CommitUnknown):
                self._fail(batch[index + 1 :], RunAgain(place.error, is_lost=True))
                return

    def _fail(self, batch: list[_Place], error: BaseException) -> None:
        for place in batch:
            place.error = error

    async def _write(self, batch: list[_Place]) -> BaseException | None:
        """Commit *batch*; why it was not."""
        entries = [entry for place in batch for entry in place.work.transaction.entries]
        try:
            connection = await self._pool.acquire()
        except Exception as error:  # noqa: BLE001 - who waits for this batch is told
            return error
        assert self._desk.outbox is not None
        crash.at("store.before_commit")
        try:
            with connection.ended_if_silent():
                await self._desk.outbox.append(Transaction(_Copying(connection), None), entries)
        except Exception as error:  # noqa: BLE001 - the border to the driver
            self._pool.discard(connection)
            explained = explain("commit of recorded events", error)
            if isinstance(explained, RunAgain) and explained.is_lost:
                return self._unknown(batch)
            return explained
        self._pool.give_back(connection)
        crash.at("store.after_commit")
        self.batches += 1
        return None

    def _unknown(self, batch: list[_Place]) -> CommitUnknown:
        names = ", ".join(sorted({place.work.name for place in batch}))
        return CommitUnknown(self._desk.place, names)


class _Copying:
    """What a batch is written on: it takes rows at once, each time in a transaction of its own."""

    dialect: Final = "postgresql"
    is_running = False

    def __init__(self, connection: Connection) -> None:
        self.add = connection.copy

    def _refuse(self, *_: Any) -> NoReturn:
        raise TransactionClosed("units that only record run no statement")

    own = change = fetch = run = conclude = undo = _refuse

    def check(self) -> None:
        """Nobody but the journal is here."""
