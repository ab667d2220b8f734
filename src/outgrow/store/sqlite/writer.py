"""The one writer of an SQLite file: units run one after the other and are committed together."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, NoReturn

from outgrow import crash
from outgrow.errors import DiskFailed, StatementFailed, StoreError, UnitError
from outgrow.store.database import Unit
from outgrow.store.driver import Course, drive, outlast
from outgrow.store.pace import QUICK_SECONDS
from outgrow.store.sqlite.checkpoints import Checkpoints
from outgrow.store.sqlite.units import Batch, Desk, Work, run_timed
from outgrow.store.transaction import Transaction

UNITS_PER_COMMIT_MAX = 256
COMMIT_DELAY_SECONDS_MAX = 0.05
UNIT_SECONDS_WARNED = 0.05

_log = logging.getLogger("outgrow.store")


class Writer:
    """
    Gives the floor to one unit of work at a time.

    A unit runs in its caller's task. The first one begins a transaction, each one has a savepoint,
    and the transaction is committed at the end of the loop's turn, so that all who came in that
    turn share one commit. Who comes while a statement or a commit runs in the thread waits for
    the floor, and so shares the next. Those who wait are always woken before those who are done,
    so that nobody who comes again and again keeps the floor.

    Args:
        desk: What the units work with.
        checkpoints: What moves the log into the file.
        end_old_snapshots: Called before that, so that they do not hold it up.
    """

    def __init__(
        self, desk: Desk, checkpoints: Checkpoints, end_old_snapshots: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._checkpoints = checkpoints
        self._end_old_snapshots = end_old_snapshots
        self._connection = desk.connection
        self._loop = asyncio.get_running_loop()
        self._is_taken = False
        self._is_due = False
        self._is_closed = False
        self._batch: Batch | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._work: Work | None = None
        self._is_tidying_wanted = False
        self.commits = 0
        self.units = 0
        self.units_failed = 0
        self.units_repeated = 0

    @property
    def waiting(self) -> int:
        """How many tasks wait for the floor."""
        return len(self._waiting)

    def joined(self) -> Transaction | None:
        """The transaction of the unit that runs right now, which is the one that asks."""
        work = self._work
        return work.transaction if work is not None and work.is_running else None

    async def submit(
        self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """
        Run *unit* as soon as the floor is free; what is returned waits for its commit.

        What the unit raises comes out here, after the commit of those that it shared it with.
        """
        while self._is_taken or self._is_closed:
            await self._wait_for_floor()
        self._is_taken = True
        batch = self._batch or Batch(self._loop)
        work = Work(self._desk, batch, unit, args, kwargs)
        failure: Exception | None = None
        try:
            if self._batch is None:
                await self._begin(work)
                self._batch = batch
            await self._perform(work)
        except Exception as error:  # noqa: BLE001 - it is raised below
            failure = error
        finally:
            self._release()
        if failure is None and (work.cancelled is None or not work.is_cancelled):
            return work
        return await self._end_otherwise(work, failure)

    async def _end_otherwise(self, work: Work, failure: Exception | None) -> NoReturn:
        """Raise, but not before what the unit saw of its neighbours is certain."""
        if work.batch.works:
            await outlast(work, work.batch.committed)
        if failure is None or work.is_cancelled:
            assert work.cancelled is not None
            raise work.cancelled from failure
        raise failure

    async def close(self) -> None:
        """Refuse new units, and wait until those that have begun are committed."""
        while self._is_taken or self._batch is not None:
            await self._wait_for_floor()
        self._is_closed = True
        while self._waiting:
            self._wake()

    def tidy(self) -> None:
        """Move the log as soon as nobody writes: what held it up has ended."""
        self._is_tidying_wanted = self._is_taken
        if self._batch is not None:
            self._checkpoints.to_next = 0
        elif not self._is_taken and not self._is_closed:
            self._checkpoint()

    async def _wait_for_floor(self) -> None:
        if self._is_closed:
            message = "the store is closed. Its service has stopped, or its 'async with' has ended."
            raise StoreError(message)
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not self._is_taken:
                self._wake()
            raise

    def _wake(self) -> None:
        waiting = self._waiting
        woken = 0
        while waiting and woken < UNITS_PER_COMMIT_MAX:
            turn = waiting.popleft()
            if not turn.done():  # It is done if its task was cancelled, which needs no floor.
                turn.set_result(None)
                woken += 1

    def _release(self) -> None:
        self._is_taken = False
        batch = self._batch
        if batch is not None and _is_full(batch):
            self._commit()  # It wakes them when it is done.
            return
        if self._waiting:
            self._wake()
        if batch is not None and not self._is_due:
            # After those who wait, so that they share it.
            self._is_due = True
            self._loop.call_soon(self._commit)

    async def _perform(self, work: Work) -> None:
        connection = self._connection
        self._work = work
        started = perf_counter()
        connection.savepoint()
        try:
            await drive(work, work.effect())
            connection.release()
        except BaseException:
            self.units_failed += 1
            await self._take_back(work)
            raise
        finally:
            self._work = None
        work.batch.works.append(work)
        seconds = perf_counter() - started
        if seconds > UNIT_SECONDS_WARNED:
            _warn(work, seconds)

    async def _take_back(self, work: Work) -> None:
        """Undo what *work* did; if that cannot be, its neighbours too, and those run again."""
        connection = self._connection
        if not work.has_lost:
            try:
                connection.take_back()
                connection.release()
            except UnitError:
                if connection.raw.in_transaction:
                    connection.own("rollback")
            else:
                return
        self._batch = None
        await self._run_again(work)

    async def _begin(self, course: Course) -> None:
        try:
            self._connection.own("begin immediate")
        except StatementFailed:
            # A program that is not ours, such as a database browser, is writing.
            await outlast(course, self._desk.threads.run(self._connection.begin_patiently))

    async def _run_again(self, loser: Work) -> None:
        """Run singly, in their order, the units whose changes *loser* took along."""
        batch = loser.batch
        for work in batch.works:
            self.units_repeated += 1
            work.begin_again()
            try:
                await self._run_singly(loser, work)
            except BaseException as error:  # noqa: BLE001 - its own caller gets it
                work.error = error
        if self._waiting:
            self._wake()
        batch.committed.set_result(None)
        self._tell(batch)

    async def _run_singly(self, host: Course, work: Work) -> None:
        connection = self._connection
        await self._begin(host)
        self._work = work
        connection.savepoint()
        try:
            await drive(work, work.run_elsewhere(work.effect), work.run_elsewhere, host)
            connection.release()
            await outlast(host, self._desk.threads.run(self._commit_aside))
        except BaseException:
            if connection.raw.in_transaction:
                connection.own("rollback")
            raise
        self.commits += 1
        self.units += 1

    def _commit(self) -> None:
        self._is_due = False
        batch = self._batch
        if self._is_taken or batch is None:
            return  # Whoever has the floor asks again.
        if "commit" not in self._desk.own_pace.quick:
            self._is_taken = True
            future = self._desk.threads.run(self._commit_aside)
            future.add_done_callback(lambda done: self._committed(batch, done.exception()))
            return
        error: BaseException | None = None
        started = perf_counter()
        crash.at("store.before_commit")
        try:
            self._connection.own("commit")
        except UnitError as failure:
            error = failure
        seconds = perf_counter() - started
        self._committed(batch, error)
        if seconds > QUICK_SECONDS:
            self._desk.own_pace.was_slow("commit", seconds)

    def _commit_aside(self) -> None:
        crash.at("store.before_commit")
        run_timed(self._desk.own_pace, self._connection.own, "commit", ())

    def _committed(self, batch: Batch, error: BaseException | None) -> None:
        self._batch = None
        self._is_taken = False
        try:
            if error is not None:
                self._fail(batch, error)
            else:
                self._count(batch)
        finally:
            # Whatever else goes wrong here, nobody waits for ever.
            if self._waiting and not self._is_taken:
                self._wake()
            batch.committed.set_result(None)
        self._tell(batch)

    def _count(self, batch: Batch) -> None:
        crash.at("store.after_commit")
        self.commits += 1
        self.units += len(batch.works)
        self._checkpoints.to_next -= 1
        if self._checkpoints.to_next <= 0:
            self._checkpoint()

    def _tell(self, batch: Batch) -> None:
        works, batch.works = batch.works, []
        has_said = any(work.error is None and work.transaction.entries for work in works)
        for work in works:
            work.forget()
        if has_said and self._desk.outbox is not None:
            self._desk.outbox.committed()

    def _checkpoint(self) -> None:
        """
        Move the log into the file, in the thread.

        The floor is held, because the log begins anew only if it was moved as a whole; and a log
        that grows costs twice as much a commit, since the file system must note its new size.
        """
        self._is_taken = True
        self._is_tidying_wanted = False
        self._end_old_snapshots()
        crash.at("store.before_checkpoint")
        future = self._desk.threads.run(self._checkpoints.move)
        future.add_done_callback(self._checkpointed)

    def _checkpointed(self, done: asyncio.Future[Any]) -> None:
        crash.at("store.after_checkpoint")
        self._checkpoints.end(self.commits, done.exception())
        self._release()
        if self._is_tidying_wanted:
            self.tidy()

    def _fail(self, batch: Batch, cause: BaseException) -> None:
        self.units_failed += len(batch.works)
        kind = DiskFailed if isinstance(cause, DiskFailed) else StatementFailed
        for work in batch.works:
            work.error = kind(f"the commit did not succeed: {cause}", "CommitFailed")
            work.error.__cause__ = cause
        if self._connection.raw.in_transaction:
            self._connection.own("rollback")


def _is_full(batch: Batch) -> bool:
    return (
        len(batch.works) >= UNITS_PER_COMMIT_MAX
        or perf_counter() - batch.began > COMMIT_DELAY_SECONDS_MAX
    )


def _warn(work: Work, seconds: float) -> None:
    _log.warning(
        "%s: its unit of work held the store for %.0f ms; others waited. Aim at less than %.0f ms.",
        work.name,
        seconds * 1000,
        UNIT_SECONDS_WARNED * 1000,
    )
