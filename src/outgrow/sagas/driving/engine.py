"""What runs the sagas of one service in this process."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final, Self

from outgrow import crash
from outgrow.calls import hash_arguments
from outgrow.clock import Clock
from outgrow.context import Context, enter, leave, new_id
from outgrow.contracts import service_name
from outgrow.errors import (
    CommitUnknown,
    KeyReused,
    Overloaded,
    SagaCodeMissing,
    SagaDiverged,
    ServiceUnreachable,
    StillRunning,
)
from outgrow.journal import Replica, Replies, Superseded, had_effect, store_of, time_of, time_text
from outgrow.sagas import book, heard
from outgrow.sagas.book import SagaRow, StepRow
from outgrow.sagas.code import Code, Known
from outgrow.sagas.driving.answers import Answers, Running
from outgrow.sagas.driving.execution import Execution
from outgrow.sagas.driving.log import SagaLog
from outgrow.sagas.driving.outcomes import told
from outgrow.sagas.driving.signals import Away, Expired, Failed, Joined, Stale, TooOld, Unreadable
from outgrow.sagas.driving.undoing import expire, undo_all
from outgrow.sagas.entries import Entry, ask_by_hand, own_context
from outgrow.sagas.targets import Targets
from outgrow.store import Store, Transaction

RUNNING_MAX: Final = 1_000
"""How many sagas of a service are worked at in one process at once; the others wait."""

PAUSE_SECONDS: Final = 0.1
"""The pause after the first attempt at a step that failed; it doubles after each."""

PAUSE_SECONDS_MAX: Final = 60.0
"""The longest pause."""

UNDO_ATTEMPTS_MAX: Final = 20
"""How often an undo is tried before the saga is stuck, until an operator helps."""

PAUSE_SECONDS_OF_SAGAS_MAX: Final = 5.0
"""The longest pause before a step is asked again that is a saga and goes on."""

TOPIC: Final = "\nsagas"
"""What watchers of an outbox call a saga that became due; nothing else has such a name."""

_log = logging.getLogger("outgrow.sagas")


Send = Callable[[str, Context, bytes], Awaitable[Any]]
"""Calls a method by name: ``await send("stock.hold", context, body)``, as journals' senders do."""


class Engine:
    """
    Begins, drives and ends the sagas of one service. Lives as long as its process hosts it.

    A saga is worked at by one process at a time: whoever has taken it up last, which its epoch
    tells. What another one commits for it is rolled back.

    Args:
        service: The object that keeps the service.
        send: How steps and queries reach their services; None if it was made by hand, and its
            fields are called themselves.
        replica: Says what of the common work is this process's; None if it is alone.

    Attributes:
        me: This process, as the holder of sagas.
        known: The sagas that this program has the code of.
        running: What is worked at here, by the saga's id.
        has_lost: Whether something of its own may have to be taken up again.
        counted: Since the start, by what became of it.
        answers: What callers get.
    """

    def __init__(
        self,
        service: Any,
        send: Send | None = None,
        *,
        replica: Replica | None = None,
    ) -> None:
        self.service = service
        self.name = service_name(type(service).__module__)
        self.store: Store = store_of(service)
        self.clock: Clock = self.store.clock
        self._moments = heard.Moments(self.clock)
        self.targets = Targets(service)
        self.me = new_id() if replica is None else replica.id
        self._send = send
        self.known = Known(type(service))
        self._entries = {
            method: Entry(type(service), code) for method, code in self.known.newest().items()
        }
        self.running: dict[str, Running] = {}
        self._by_place: dict[tuple[str, str, str], Running] = {}
        self.answers = Answers(self.store, self.running, is_by_hand=send is None)
        self._group: asyncio.TaskGroup | None = None
        self._early: list[Running] = []
        self._is_closed = False
        self._when_ended: Callable[[], object] = bool
        self.has_lost = True
        self.counted = {"begun": 0, "completed": 0, "undone": 0, "taken_up": 0, "superseded": 0}

    @classmethod
    def by_hand(cls, service: Any) -> Self:
        """What runs the sagas of a service that a test has made: in its callers' own tasks."""
        return cls(service)

    # For callers.

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """
        Begin or join a saga, and wait for its end.

        Raises:
            Problem: It is the reply.
            SagaAborted: It was undone.
            StillRunning: The caller's time is over.
            KeyReused: The caller's key was used with other arguments.
            Overloaded: As many sagas are worked at here as may be.
        """
        entry = self._entries[method]
        arguments = entry.encode(args, kwargs)
        context = own_context()
        digest = hash_arguments(arguments).hex()
        row = self._new_row(entry, context, arguments.decode(), digest)
        if context.undoes and context.method == row.method:
            step = self.store.clock, row.keyed, context.undoes
            if not await self.store.transact(had_effect, *step):
                return None
        place = row.method, row.scope, row.key
        running = self._by_place.get(place)
        if running is None:
            running = await self._begin(row, entry)
        elif running.row.arguments_hash != digest:
            raise KeyReused(row.method, row.key)
        return await self.answers.wait_for(running, entry.replies, digest, context.deadline)

    async def start(self, tx: Transaction, method: str, event: Any) -> None:
        """Write down in *tx* that a saga begins because of *event*; it is taken up afterwards."""
        entry, context = self._entries[method], own_context()
        arguments = entry.encode_event(event)
        row = self._new_row(entry, context, arguments.decode(), hash_arguments(arguments).hex())
        row.holder, row.epoch, row.due_at = "", 0, time_text(self.clock.now())
        await book.begin(tx, row)
        crash.at("sagas.in_start")
        tx.entries.append(TOPIC)

    async def hear(self, tx: Transaction, event: Any) -> None:
        """Keep *event*, which sagas may wait for, and let those go on that do."""
        context = own_context()
        at, now = self._moments.next(), time_text(self.clock.now())
        if await heard.hear(tx, event, context.key or new_id(), at, now):
            tx.entries.append(TOPIC)

    def _new_row(self, entry: Entry, context: Context, arguments: str, digest: str) -> SagaRow:
        now = self.clock.now()
        caller = context.caller
        return SagaRow(
            id=f"{self.name}-{new_id()}",
            method=entry.name,
            version=entry.code.version,
            caller=book.caller_text(caller),
            scope=f"{caller.kind}:{caller.subject}",
            key=entry.key_of(context, arguments),
            arguments_hash=digest,
            arguments=arguments,
            correlation_id=context.correlation_id,
            trace=context.traceparent,
            state=book.RUNNING,
            started_at=self._moments.next(),
            deadline_at=time_text(now + timedelta(seconds=entry.code.deadline_seconds)),
            holder=self.me,
        )

    async def _begin(self, row: SagaRow, entry: Entry) -> Running:
        if len(self.running) >= RUNNING_MAX:
            text = f"{RUNNING_MAX} sagas of {self.name} are worked at here. Try again later."
            raise Overloaded(row.method, text)
        if self._is_closed:
            raise ServiceUnreachable(row.method, "its process stops", may_have_run=False)
        self.counted["begun"] += 1
        running = Running(self._execution(row, [], entry.code, is_begun=False))
        await self._spawn(running)
        return running if self._send is not None else await _taken_up(self, running)

    def _execution(
        self, row: SagaRow, steps: list[book.StepRow], code: Code, *, is_begun: bool
    ) -> Execution:
        entry = self._entries[code.method]
        make = partial(entry.make, self.service, code, row.arguments)
        log = SagaLog(self.store, row, steps, is_begun=is_begun)
        return Execution(self, log, make, entry.replies)

    async def _spawn(self, running: Running) -> None:
        if before := self.running.get(running.row.id):
            before.cancel()  # What it would commit is rolled back.
        self.running[running.row.id] = running
        self._by_place[running.place] = running
        if self._send is None:
            await self._work(running)
        elif self._group is None:  # Calls are let in a moment before `open`.
            self._early.append(running)
        else:
            self._begin_work(running, self._group)

    def _begin_work(self, running: Running, group: asyncio.TaskGroup) -> None:
        # Not in the context of whoever asked, whose deadline is not the saga's.
        running.begin(group.create_task(self._work(running), context=contextvars.Context()))

    # For executions.

    async def ask(self, name: str, context: Context, arguments: str) -> Any:
        """Call ``service.method`` wherever it is kept."""
        token = enter(context)
        try:
            if self._send is not None:
                return await self._send(name, context, arguments.encode())
            return await ask_by_hand(self.service, name, arguments)
        finally:
            leave(token)

    # Working at them.

    async def _work(self, running: Running) -> None:
        row, is_written = running.row, False
        try:
            await self._drive(running)
            is_written = not running.execution.log.is_superseded
        except Away:
            is_written = True
        except Superseded:
            self.counted["superseded"] += 1
        except Exception:  # noqa: BLE001 - the border to the store: it is taken up again later
            _log.exception("%s: working at saga %s was interrupted", row.method, row.id)
            self.has_lost = True
        finally:
            if not is_written:
                row.ended_at = None  # If it has ended, then in memory only.
            if self.running.get(row.id) is running:
                del self.running[row.id]
            if self._by_place.get(running.place) is running:
                del self._by_place[running.place]
            if row.ended_at is not None and not running.is_repeat and running.error is None:
                self.counted["completed" if row.state == book.COMPLETED else "undone"] += 1
            running.ended.set()
            self.answers.tell(row.id)
            self._when_ended()

    async def _drive(self, running: Running) -> None:
        execution, log = running.execution, running.execution.log
        row = log.row
        try:
            if not row.is_undoing and row.ended_at is None and row.state != book.STUCK:
                if row.attempts:
                    log.check_time()
                await execution.run()
            if row.is_undoing and row.ended_at is None and row.state != book.STUCK:
                await undo_all(self, log, execution.context)
            if row.state == book.STUCK:
                _log.error("%s: saga %s is stuck: %s", row.method, row.id, row.error)
        except (Away, Superseded):
            raise
        except Exception as error:  # noqa: BLE001 - the border to the saga's code and the store
            await self._meet(running, error)

    async def _meet(self, running: Running, error: Exception) -> None:
        """Do what follows if the work at a saga ended, and the saga did not."""
        log, row = running.execution.log, running.row
        match error:
            case Joined():
                running.is_repeat = True
            case Expired():
                await expire(log, error, self.clock.now())
                await self._drive(running)
            case TooOld() | SagaDiverged() | Unreadable():
                await self._stick(log, error)
            case Stale():
                code = self.known.codes[row.method.partition(".")[2], row.version]
                running.renew(self._execution(row, [*log.steps.values()], code, is_begun=True))
                await self._drive(running)
            case CommitUnknown() if log.is_begun:
                raise error  # It is read again how the saga stands.
            case CommitUnknown() if await log.is_taken():
                self.has_lost = running.is_repeat = True
            case Failed():
                await self._put_off(running, error.__cause__ or error)
            case _:
                await self._put_off(running, error)

    async def _put_off(self, running: Running, error: BaseException) -> None:
        """Try again later what went wrong; an undo not for ever."""
        log = running.execution.log
        if not await log.is_kept():
            running.error = error  # type: ignore[assignment]
            return
        row, attempts = log.row, log.row.attempts + 1
        pause = min(PAUSE_SECONDS * 2 ** min(attempts - 1, 20), PAUSE_SECONDS_MAX)
        now = self.clock.now()
        is_stuck = bool(row.is_undoing) and attempts >= UNDO_ATTEMPTS_MAX
        if isinstance(error, StillRunning):  # A step that is a saga takes its own time.
            is_stuck, pause = False, min(pause, PAUSE_SECONDS_OF_SAGAS_MAX)
        due = now + timedelta(seconds=pause)
        _tell(row, error, attempts, is_stuck=is_stuck)
        log.change(attempts=attempts, error=told(error), ended_at=None, outcome=None)
        if not row.is_undoing:
            if now >= (deadline := time_of(row.deadline_at)):
                await self._meet(running, Expired("its time was over."))
                return
            due = min(due, deadline)
        log.change(
            state=book.STUCK if is_stuck else book.RUNNING,
            due_at=None if is_stuck else time_text(due),
            holder="",
        )
        await log.save()

    async def _stick(self, log: SagaLog, error: Exception) -> None:
        """Leave a saga to an operator."""
        text = str(error) if isinstance(error, TooOld) else told(error.__cause__ or error)
        _log.error("%s: saga %s is stuck: %s", log.row.method, log.row.id, text)
        log.change(state=book.STUCK, error=text, due_at=None, holder="")
        log.forget_new()
        await log.save()

    def open(self, group: asyncio.TaskGroup, when_ended: Callable[[], object]) -> None:
        """Work at sagas in tasks of *group* from now on; *when_ended* is called after each."""
        self._group, self._when_ended = group, when_ended
        early, self._early = self._early, []
        for running in early:
            self._begin_work(running, group)

    def close(self) -> None:
        """Leave what is worked at to the next start, or to another process."""
        self._group, self._is_closed = None, True
        for running in self.running.values():
            running.cancel()

    async def go_on(self, row: SagaRow, steps: list[StepRow]) -> None:
        """Work at a saga that was taken up."""
        self.counted["taken_up"] += 1
        code = self.known.codes.get((row.method.partition(".")[2], row.version))
        if code is not None:
            await self._spawn(Running(self._execution(row, steps, code, is_begun=True)))
            return
        error = SagaCodeMissing([f"{row.method}, version {row.version}"])
        row.state, row.error, row.holder = book.STUCK, told(error), ""
        await self.store.transact(book.save, row)

    def replies(self, method: str) -> Replies:
        """What the saga ``service.method`` replies, as text and back."""
        return self._entries[method.partition(".")[2]].replies


async def _taken_up(engine: Engine, running: Running) -> Running:
    """By hand: what a repeat has joined is worked at by its caller, if the time has come."""
    repeat, now = running.row, time_text(engine.clock.now())
    if not running.is_repeat:
        return running
    async with engine.store.read() as snapshot:
        row = await book.find_key(snapshot, repeat.method, repeat.scope, repeat.key)
    is_same = row is not None and row.arguments_hash == repeat.arguments_hash
    if row is None or not is_same or row.due_at is None or row.due_at > now:
        return running
    seen = book.Seen(row.id, row.epoch, row.holder)
    if await engine.store.transact(book.take, seen, engine.me):
        async with engine.store.read() as snapshot:
            taken, steps = await book.find(snapshot, row.id), await book.steps_of(snapshot, row.id)
        if taken is not None:
            await engine.go_on(taken, steps)
    return running


def _tell(row: SagaRow, error: BaseException, attempts: int, *, is_stuck: bool) -> None:
    what = "undoing" if row.is_undoing else "going on"
    _log.log(
        logging.ERROR if is_stuck else logging.WARNING,
        "%s: %s with saga %s failed, attempt %d: %s%s",
        row.method,
        what,
        row.id,
        attempts,
        told(error),
        f"; it is stuck. Once the cause is gone: outgrow saga retry {row.id}" if is_stuck else "",
        exc_info=error if attempts == 1 else None,
        extra={"correlation_id": row.correlation_id},
    )
