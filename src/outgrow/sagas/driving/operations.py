"""What a saga waits for is carried out: steps, queries, pauses, events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from outgrow import crash
from outgrow.clock import Clock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import CommitUnknown, StepRefused
from outgrow.journal import Replies, Superseded, time_of, time_text
from outgrow.sagas import book, heard
from outgrow.sagas.book import PLANNED, PROBLEM, REPLY, StepRow
from outgrow.sagas.code import Known
from outgrow.sagas.driving.contexts import call_context
from outgrow.sagas.driving.log import SagaLog
from outgrow.sagas.driving.outcomes import Outcome
from outgrow.sagas.driving.signals import Away, Failed, Joined, Stale, TooOld
from outgrow.sagas.saga import Hearing, Operation, Pause, Step, Together
from outgrow.sagas.targets import Local, Target, Targets
from outgrow.store import Store, Transaction

AHEAD_DAYS_MAX: Final = 3_660
"""How far away the end of a pause may be: ten years."""


CLOCKS_DIFFER_SECONDS: Final = 2.0
"""How much the clocks of processes over one store may differ, so that no saga misses an event."""


class Host(Protocol):
    """
    What runs the sagas of one service.

    Attributes:
        service: The object that keeps it.
        targets: What steps may call.
        known: Its sagas.
    """

    service: Any
    store: Store
    clock: Clock
    targets: Targets
    known: Known

    async def ask(self, name: str, context: Context, arguments: str) -> Any:
        """Call ``service.method`` wherever it is kept."""


class Question(Operation):
    """A query that a saga asks directly."""

    __slots__ = ("arguments", "method")

    def __init__(
        self, check: Callable[[Operation], None], method: Method, arguments: tuple[Any, ...]
    ) -> None:
        super().__init__(check)
        self.method = method
        self.arguments = arguments


class Operations:
    """
    Carries out what the method of one saga waits for, in the order in which it asks.

    Lives as long as one run of the method; a number is counted for each thing that it asks for.

    Args:
        context: The saga's.
        advance: Lets the method go on with an outcome, inside of the unit of a local step.
    """

    def __init__(
        self, host: Host, log: SagaLog, context: Context, advance: Callable[[Outcome], None]
    ) -> None:
        self.number = 0
        self._host = host
        self._log = log
        self._context = context
        self._advance = advance

    def read(self, kind: str, name: str, arguments: str, **more: Any) -> StepRow:
        """What is written down of what is asked for next; new, if it is asked for first."""
        self.number += 1
        return self._log.read(self.number, kind, name, arguments, **more)

    async def carry_out(self, operation: Operation) -> Outcome:
        """
        What *operation* gives to the method that waits for it.

        Raises:
            Away: The saga waits for its time.
            Failed: Something went wrong that may pass.
            Expired, TooOld, SagaDiverged, Joined, Superseded: The method does not go on.
        """
        try:
            match operation:
                case Step():
                    return await self._do(operation)
                case Together():
                    return await self._do_all(operation.steps)
                case Pause():
                    return await self._pause(operation)
                case Hearing():
                    return await self._hear(operation)
                case Question():
                    return await self._query(operation)
        except StepRefused as error:
            return Outcome(None, error)
        raise AssertionError(operation)

    async def _do(self, step: Step[Any]) -> Outcome:
        target, row = self._plan(step)
        if row.state == PLANNED:
            self._check_time(target, row)
            if isinstance(target, Local):
                await self._do_here(target, row, is_alone=True)
            else:
                if self._log.is_new(row):
                    crash.at("sagas.before_plan")
                    await self._log.save()
                crash.at("sagas.after_plan")
                await self._send(target, row)
        return outcome_of(target.replies, row)

    async def _do_all(self, steps: tuple[Step[Any], ...]) -> Outcome:
        planned = [self._plan(step) for step in steps]
        open_ = [(target, row) for target, row in planned if row.state == PLANNED]
        for target, row in open_:
            self._check_time(target, row)
        if any(self._log.is_new(row) for _, row in open_):
            await self._log.save()
        async with asyncio.TaskGroup() as group:
            doing = [group.create_task(self._try(target, row)) for target, row in open_]
        failures = [error for task in doing if (error := task.result()) is not None]
        for failure in failures:
            if not isinstance(failure, Failed | TooOld):
                raise failure  # Others could be noted, but nothing is written down any more.
        if failures:
            await self._log.save()
            raise failures[0]
        outcomes = [outcome_of(target.replies, row) for target, row in planned]
        problem = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
        return Outcome(tuple(outcome.value for outcome in outcomes), problem)

    def _check_time(self, target: Target, row: StepRow) -> None:
        # What is done here is done together with its row, however old that is.
        self._log.check_time(None if isinstance(target, Local) else row)

    async def _try(self, target: Target, row: StepRow) -> Exception | None:
        """Do one of several steps; why it could not be done. The others go on."""
        try:
            if isinstance(target, Local):
                await self._do_here(target, row, is_alone=False)
            else:
                await self._send(target, row)
        except Exception as error:  # noqa: BLE001 - a group of errors would hide what each means
            return error
        return None

    def _plan(self, step: Step[Any]) -> tuple[Target, StepRow]:
        """Its target, and what is written down of it, or will be."""
        target = self._host.targets.of(step.do)
        arguments = target.encode(step.do)
        undo = undo_arguments = None
        if step.reversal is not None:
            reversal = self._host.targets.of(step.reversal)
            if reversal.service != target.service:
                raise StepRefused(
                    f"{reversal.name} cannot undo {target.name}: a step is undone by the service "
                    "that did it, which alone knows whether it did."
                )
            undo, undo_arguments = reversal.name, reversal.encode(step.reversal)
        row = self.read(
            "step",
            target.name,
            arguments,
            undo=undo,
            undo_arguments=undo_arguments,
            is_pivot=int(step.is_pivot),
        )
        return target, row

    async def _do_here(self, target: Local, row: StepRow, *, is_alone: bool) -> None:
        """Do a step of the service's own, in one commit with what is written down of it."""
        runs = 0

        async def effect(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            try:
                outcome: Any = await target.run(tx, row.arguments)
            except target.replies.problems as problem:
                await tx.undo()
                outcome = problem
            row.state, row.result = PLANNED, None
            self._log.answer(row, *target.replies.encode(outcome))
            if is_alone and runs == 1:
                # What the method does next is known only by going on; if that is its end, it is
                # written down here and now.
                self._advance(outcome_of(target.replies, row))

        crash.at("sagas.before_local")
        try:
            await self._log.save(effect)
        except (Joined, Superseded, CommitUnknown):
            row.state, row.result = PLANNED, None
            raise
        except Exception as error:
            row.state, row.result = PLANNED, None
            if await self._log.is_taken():
                raise Joined from None  # It may well have run into what the first one did.
            raise Failed from error
        crash.at("sagas.after_local")
        if is_alone and runs > 1:
            # A neighbour took the first run's commit with it, and the method has seen its reply.
            raise Stale

    async def _send(self, target: Target, row: StepRow) -> None:
        """Call a step or query in the service that keeps it."""
        context = call_context(self._context, self._host.clock, row, "do")
        try:
            reply = await self._host.ask(row.name, context, row.arguments)
        except target.replies.problems as problem:
            reply = problem
        except Exception as error:
            raise Failed from error
        crash.at("sagas.after_reply")
        try:
            self._log.answer(row, *target.replies.encode(reply))
        except Exception as error:
            raise Failed from error

    async def _query(self, question: Question) -> Outcome:
        target = self._host.targets.remote(question.method)
        row = self.read("query", target.name, target.encode_bound(question.arguments))
        if row.state == PLANNED:
            self._log.check_time()
            await self._send(target, row)
        return outcome_of(target.replies, row)

    async def _pause(self, pause: Pause) -> Outcome:
        row = self.read("sleep", "", _when_text(pause.when))
        if row.state == PLANNED:
            if row.result is None:
                row.result = self._end_of(pause.when)
            self._log.check_time()
            if time_text(self._host.clock.now()) < row.result:
                self._log.change(state=book.WAITING, due_at=row.result, holder="")
                await self._log.save()
                raise Away
            self._log.answer(row, REPLY, row.result)
        return Outcome(None)

    async def _hear(self, hearing: Hearing) -> Outcome:
        name, key, until = heard.name_of(hearing.event), hearing.key, self._log.row.deadline_at
        row = self.read("until", name, heard.arguments_of(key, hearing.within))
        if row.state != PLANNED:
            return Outcome(heard.decode(hearing.event, row.result))
        if hearing.event not in self._host.known.heard:
            raise StepRefused(
                f"{name} is not heard: no saga of this service names its class in the code where "
                "it says run.until(...), so the service does not listen to it. Name it there."
            )
        if hearing.within is not None:
            until = row.result = row.result or self._end_of(hearing.within)

        async def look(tx: Transaction) -> None:
            now = time_text(self._host.clock.now())
            await heard.gate(tx, name, key, now)
            body = await heard.first(tx, name, key, self._since())
            if body is not None:
                self._log.answer(row, REPLY, body)
            elif now < until:
                self._log.change(
                    state=book.WAITING, waits_type=name, waits_key=key, due_at=until, holder=""
                )

        await self._log.save(look)
        if row.state == PLANNED:
            if self._log.row.state == book.WAITING:
                raise Away
            self._log.check_time()
            self._log.answer(row, REPLY, "null")
        return Outcome(heard.decode(hearing.event, row.result))

    def _since(self) -> str:
        """From when on events count: the clocks of two machines may differ a little."""
        began = self._log.row.started_at
        if not self._host.store.is_shared:
            return began
        return time_text(time_of(began) - timedelta(seconds=CLOCKS_DIFFER_SECONDS))

    def _end_of(self, when: datetime | timedelta) -> str:
        """
        When a pause ends.

        Raises:
            StepRefused: Too late, or nobody knows.
        """
        moment, deadline = time_text(self._moment(when)), self._log.row.deadline_at
        if moment > deadline:
            raise StepRefused(
                f"{moment} is after {deadline}, when the saga's time is over and it is undone. "
                'Give it more: @saga(deadline="30d").'
            )
        return moment

    def _moment(self, when: datetime | timedelta) -> datetime:
        now = self._host.clock.now()
        if isinstance(when, datetime) and when.utcoffset() is None:
            told = f"{when.isoformat()} has no time zone. Write datetime(..., tzinfo=UTC)."
            raise StepRefused(told)
        try:
            moment = now + when if isinstance(when, timedelta) else when.astimezone(UTC)
        except OverflowError:
            moment = datetime.max.replace(tzinfo=UTC)
        if moment > now + timedelta(days=AHEAD_DAYS_MAX):
            raise StepRefused(f"{moment.isoformat()} is over {AHEAD_DAYS_MAX} days away.")
        return max(moment, now)


def outcome_of(replies: Replies, row: StepRow) -> Outcome:
    """What is written down as the answer of a step."""
    found = replies.decode(PROBLEM if row.state == PROBLEM else REPLY, row.result or "null")
    return Outcome(None, found) if row.state == PROBLEM else Outcome(found)


def _when_text(when: object) -> str:
    if isinstance(when, timedelta):
        return f"{when.total_seconds()} s"
    if isinstance(when, datetime):
        return when.isoformat()
    raise StepRefused(f"{when!r} is no moment and no timedelta. Write timedelta(days=3).")
