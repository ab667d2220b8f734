"""One run of one saga: its method is driven from step to step, in memory and in what is written."""

from __future__ import annotations

import asyncio
import hashlib
import types
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Protocol

import msgspec

from outgrow import crash
from outgrow.clock import Clock
from outgrow.context import Context, enter, leave, new_span_id, new_trace_id, parse_traceparent
from outgrow.contracts import Method, Problem
from outgrow.errors import CommandOutsideStep, SagaDiverged, StepNotAwaited, StepRefused
from outgrow.journal import KEEP_SECONDS, Replies, Superseded, time_of, time_text
from outgrow.sagas import book, heard
from outgrow.sagas.book import PLANNED, PROBLEM, REPLY, SagaRow, StepRow
from outgrow.sagas.driving.outcomes import Ended, Outcome, conclude
from outgrow.sagas.saga import Hearing, Operation, Pause, Saga, Step, Together
from outgrow.sagas.targets import Local, Target, Targets
from outgrow.store import Store, Transaction

STEPS_MAX: Final = 1_000
"""How many steps, queries, moments, pauses and events one saga may have."""

AHEAD_DAYS_MAX: Final = 3_660
"""How far away the end of a pause may be: ten years."""

AGE_SECONDS_MAX: Final = KEEP_SECONDS - 10.0
"""How old a step may be when it is sent again: the other side remembers its key no longer."""

CALL_SECONDS: Final = 10.0
"""How long one attempt at a step, an undo or a query may take, if its contract says nothing."""


class Away(Exception):
    """The saga has nothing to do until something happens, and leaves the memory."""


class Joined(Exception):
    """Another saga was begun under the same key before."""


class Failed(Exception):
    """Something went wrong that may pass; its cause says what."""


class TooOld(Exception):
    """Nobody remembers any more whether a step took effect."""


class Expired(Exception):
    """The saga's time is over."""


class Host(Protocol):
    """
    What runs the sagas of one service.

    Attributes:
        service: The object that keeps it.
        targets: What steps may call.
    """

    service: Any
    store: Store
    clock: Clock
    targets: Targets

    async def ask(self, name: str, context: Context, arguments: str) -> Any:
        """Call ``service.method`` wherever it is kept."""


class Question(Operation):
    """A query that a saga asks directly."""

    __slots__ = ("arguments", "method", "work")

    def __init__(self, work: Execution, method: Method, arguments: tuple[Any, ...]) -> None:
        self.work = work
        self.method = method
        self.arguments = arguments

    def __await__(self) -> Generator[Any, Any, Any]:
        self.work.check(self)
        return (yield self)


class Execution:
    """
    Drives the method of one saga, once: from its beginning to its end, or until it has to wait.

    What was done before is answered from what is written down. What happens is written down at the
    latest before it is acted upon: a reply together with the next step, and the last one together
    with the end. It belongs to one task.

    Attributes:
        row: How the saga stands.
        is_running: False; what asks takes this for an open transaction.
    """

    is_running: ClassVar[bool] = False

    def __init__(
        self,
        host: Host,
        row: SagaRow,
        steps: list[StepRow],
        make: Callable[[Saga], Any],
        replies: Replies,
        *,
        is_begun: bool,
    ) -> None:
        self.row = row
        self.steps = {step.number: step for step in steps}
        self.is_begun = is_begun
        self._host = host
        self._replies = replies
        self._coroutine = make(Saga(row.id, self))
        self._number = 0
        self._ids = 0
        self._dirty: set[int] = set()
        self._is_changed = False
        self._is_driving = False
        self._not_awaited: set[Step[Any]] = set()
        self._diverged: SagaDiverged | None = None
        self._next: Operation | Ended | None = None
        self._signal: Any = None
        self._saving = asyncio.Lock()
        self._context = self._own_context()

    # What the saga's method asks for at once.

    def begin(self, step: Step[Any]) -> None:
        self._not_awaited.add(step)

    def check(self, operation: Operation) -> None:
        if not self._is_driving:
            message = (
                "a step was awaited by another task than its saga's, or after the saga's end. Do "
                "steps at the same time by await run.all(first, second)."
            )
            raise StepRefused(message)
        if isinstance(operation, Step):
            if operation not in self._not_awaited:
                raise StepRefused("a step is awaited once. Make another one for the second time.")
            self._not_awaited.discard(operation)

    def now(self) -> datetime:
        step = self._written("now", "", "")
        if step.state == PLANNED:
            self._answer(step, REPLY, time_text(self._host.clock.now()))
        return time_of(step.result or "")

    def new_id(self) -> str:
        self._ids += 1
        digest = hashlib.sha256(f"{self.row.id}\n{self._ids}".encode()).hexdigest()
        began = int(time_of(self.row.started_at).timestamp() * 1000)
        moment, variant = f"{began:012x}", "89ab"[int(digest[3], 16) % 4]
        return f"{moment[:8]}-{moment[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"

    def tag(self, tags: dict[str, str]) -> None:
        told = msgspec.json.decode(self.row.tags, type=dict[str, str]) | tags
        self.row.tags = msgspec.json.encode(told, order="sorted").decode()
        self._is_changed = True

    def ask(self, method: Method, arguments: tuple[Any, ...]) -> Question:
        if method.kind != "query" or method.is_streaming:
            raise CommandOutsideStep(method.full_name)
        return Question(self, method, arguments)

    # Driving it.

    async def run(self) -> None:
        """
        Go on to the end of the saga's method, and write down what became of it.

        Raises:
            Away: It waits for its time.
            Failed: Something went wrong that may pass.
            Expired: Its time is over.
            TooOld: It cannot be known whether a step took effect.
            SagaDiverged: Its code does something else than it did before.
            Joined: There is a saga under its key already.
            Superseded: Another process has taken it up.
        """
        try:
            self._advance(Outcome(None))
            await self._follow()
            while not isinstance(self._next, Ended):
                operation, self._next = self._next, None
                assert operation is not None, "it asks, or it has ended"
                outcome = await self._carry_out(operation)
                if self._next is None:
                    self._advance(outcome)
                    await self._follow()
            if self._is_changed or self._dirty or not self.is_begun:
                await self.save()
        finally:
            self._coroutine.close()

    def _advance(self, outcome: Outcome) -> None:
        """Let the method go on with *outcome*, as far as it goes without waiting."""
        token, self._is_driving = enter(self._context), True
        try:
            if outcome.error is None:
                signal = self._coroutine.send(outcome.value)
            else:
                signal = self._coroutine.throw(outcome.error)
        except StopIteration as stop:
            self._end(Ended(stop.value))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the border to the saga's code
            self._end(Ended(None, error))
        else:
            self._next, self._signal = (
                (signal, None) if isinstance(signal, Operation) else (None, signal)
            )
        finally:
            self._is_driving = False
            leave(token)

    async def _follow(self) -> None:
        """Wait for what the method waits for by itself, until it asks for something of ours."""
        while self._next is None:
            try:
                value = await _passed_on(self._signal)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - the saga's code gets it
                self._advance(Outcome(None, error))
            else:
                self._advance(Outcome(value))

    def _end(self, ended: Ended) -> None:
        if self._diverged is not None:
            raise self._diverged
        if ended.error is None and self._not_awaited:
            step = next(iter(self._not_awaited))
            name = getattr(step.do.method, "__name__", "?")
            ended = Ended(None, StepNotAwaited(f"step {name} was made and never awaited."))
        if ended.error is None and self._number < len(self.steps):
            written = self.steps[self._number + 1]
            raise SagaDiverged(written.number, written.shown, "the end")
        if ended.error is not None and not isinstance(
            ended.error, Problem | StepRefused | StepNotAwaited
        ):
            raise Failed from ended.error
        conclude(self.row, self.steps, ended, self._replies, self._host.clock.now())
        self._next, self._is_changed = ended, True

    # Its operations.

    async def _carry_out(self, operation: Operation) -> Outcome:
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
            self._check_time(row)
            if isinstance(target, Local):
                return await self._do_here(target, row, is_alone=True)
            if row.number in self._dirty:
                crash.at("sagas.before_plan")
                await self.save()
            crash.at("sagas.after_plan")
            await self._send(target, row)
        return _outcome(target.replies, row)

    async def _do_all(self, steps: tuple[Step[Any], ...]) -> Outcome:
        planned = [self._plan(step) for step in steps]
        open_ = [(target, row) for target, row in planned if row.state == PLANNED]
        for _, row in open_:
            self._check_time(row)
        if any(row.number in self._dirty for _, row in open_):
            await self.save()
        async with asyncio.TaskGroup() as group:
            doing = [group.create_task(self._try(target, row)) for target, row in open_]
        failures = [error for task in doing if (error := task.result()) is not None]
        if failures:
            await self.save()
            raise failures[0]
        outcomes = [_outcome(target.replies, row) for target, row in planned]
        problem = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
        return Outcome(tuple(outcome.value for outcome in outcomes), problem)

    async def _try(self, target: Target, row: StepRow) -> Exception | None:
        """Do one of several steps; why it could not be done. The others go on."""
        try:
            if isinstance(target, Local):
                await self._do_here(target, row, is_alone=False)
            else:
                await self._send(target, row)
        except (Failed, TooOld) as error:
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
        row = self._written(
            "step",
            target.name,
            arguments,
            undo=undo,
            undo_arguments=undo_arguments,
            is_pivot=int(step.is_pivot),
        )
        return target, row

    async def _do_here(self, target: Local, row: StepRow, *, is_alone: bool) -> Outcome:
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
            self._answer(row, *target.replies.encode(outcome))
            if is_alone and runs == 1:
                # What the method does next is known only by going on; if that is its end, it is
                # written down here and now.
                self._advance(_outcome(target.replies, row))

        crash.at("sagas.before_local")
        try:
            await self.save(effect)
        except (Joined, Superseded):
            raise
        except Exception as error:
            raise Failed from error
        if is_alone and runs > 1:
            # A neighbour took the first run's commit with it, and the method has seen its reply.
            raise Failed from None
        if is_alone:
            await self._follow()
        crash.at("sagas.after_local")
        return _outcome(target.replies, row)

    async def _send(self, target: Target, row: StepRow) -> None:
        """Call a step in the service that does it."""
        context = self.context_for(row, "do", row.name)
        try:
            reply = await self._host.ask(row.name, context, row.arguments)
        except target.replies.problems as problem:
            reply = problem
        except Exception as error:
            raise Failed from error
        crash.at("sagas.after_reply")
        self._answer(row, *target.replies.encode(reply))

    async def _query(self, question: Question) -> Outcome:
        target = self._host.targets.remote(question.method)
        row = self._written("query", target.name, target.encode_bound(question.arguments))
        if row.state == PLANNED:
            self._check_time(row)
            await self._send(target, row)
        return _outcome(target.replies, row)

    async def _pause(self, pause: Pause) -> Outcome:
        row = self._written("sleep", "", _when_text(pause.when))
        if row.state == PLANNED:
            if row.result is None:
                row.result = time_text(self._moment(pause.when))
                self._dirty.add(row.number)
            await self._wait(row.result)
            self._answer(row, REPLY, row.result)
        return Outcome(None)

    async def _hear(self, hearing: Hearing) -> Outcome:
        name, key, until = heard.name_of(hearing.event), hearing.key, self.row.deadline_at
        row = self._written("until", name, heard.arguments_of(key, hearing.within))
        if row.state != PLANNED:
            return Outcome(heard.decode(hearing.event, row.result))
        if hearing.within is not None and row.result is None:
            row.result = time_text(self._moment(hearing.within))
            self._dirty.add(row.number)
        if hearing.within is not None:
            until = min(until, row.result or until)

        async def look(tx: Transaction) -> None:
            await heard.gate(tx, name, key, time_text(self._host.clock.now()))
            body = await heard.first(tx, name, key, self.row.started_at)
            if body is not None:
                self._answer(row, REPLY, body)
                self.change(state=book.RUNNING, waits_type=None, waits_key=None)
            elif time_text(self._host.clock.now()) < until:
                self.change(
                    state=book.WAITING, waits_type=name, waits_key=key, due_at=until, holder=""
                )

        await self.save(look)
        if row.state == PLANNED and self.row.state == book.WAITING:
            raise Away
        if row.state == PLANNED:
            self.change(state=book.RUNNING, waits_type=None, waits_key=None)
            self._check_time(row)
            self._answer(row, REPLY, "null")
        return Outcome(heard.decode(hearing.event, row.result))

    async def _wait(self, moment: str) -> None:
        """Leave the memory until *moment*, or until the saga's time is over."""
        self._check_time(None)
        if time_text(self._host.clock.now()) < moment:
            due_at = min(moment, self.row.deadline_at)
            self.change(state=book.WAITING, due_at=due_at, holder="")
            await self.save()
            raise Away

    # What is written down.

    def _written(self, kind: str, name: str, arguments: str, **more: Any) -> StepRow:
        """What is written down of what the method asks for now; new if it is asked first."""
        self._number += 1
        asked = StepRow(
            saga=self.row.id,
            number=self._number,
            kind=kind,
            name=name,
            arguments=arguments,
            state=PLANNED,
            planned_at=time_text(self._host.clock.now()),
            **more,
        )
        row = self.steps.get(self._number)
        if row is None:
            if self._number > STEPS_MAX:
                message = (
                    f"a saga has {STEPS_MAX} steps at most. Let one that goes on for ever end, and "
                    "begin the next by an event."
                )
                raise StepRefused(message)
            self.steps[self._number] = asked
            self._dirty.add(self._number)
            return asked
        if row.shown != asked.shown:
            self._diverged = SagaDiverged(self._number, row.shown, asked.shown)
            raise self._diverged
        return row

    def _answer(self, row: StepRow, state: str, result: str) -> None:
        row.state, row.result = state, result
        self._dirty.add(row.number)
        if self.row.attempts:
            self.change(attempts=0, error=None)

    def note(self, row: StepRow, state: str) -> None:
        """Note what became of a step; its reply stays as it is."""
        row.state = state
        self._dirty.add(row.number)
        if self.row.attempts:
            self.change(attempts=0, error=None)

    def forget_new(self) -> None:
        """Forget what the method asked for and is not written down yet."""
        self._dirty.clear()

    async def save_end(self) -> None:
        """Write down that the saga has ended."""
        self._is_changed = True
        crash.at("sagas.before_end")
        await self.save()
        crash.at("sagas.after_end")

    def change(self, **fields: Any) -> None:
        """Change how the saga stands; written down with the next save."""
        for name, value in fields.items():
            setattr(self.row, name, value)
        self._is_changed = True

    async def save(self, effect: Callable[[Transaction], Awaitable[None]] | None = None) -> None:
        """Write down all that is new, in one commit with *effect*."""
        async with self._saving:
            numbers, self._dirty = self._dirty, set()
            is_changed, self._is_changed = self._is_changed, False

            async def unit(tx: Transaction) -> None:
                if effect is not None:
                    await effect(tx)
                numbers.update(self._dirty)
                self._dirty.clear()
                await self._write(tx, numbers, is_changed=is_changed or self._is_changed)

            try:
                await self._host.store.transact(unit)
            except BaseException:
                self._dirty |= numbers
                self._is_changed = True
                raise
            self.is_begun, self._is_changed = True, False
        crash.at("sagas.after_save")

    async def _write(self, tx: Transaction, numbers: set[int], *, is_changed: bool) -> None:
        if not self.is_begun:
            if not await book.begin(tx, self.row):
                raise Joined
        elif is_changed or self._host.store.is_shared:
            await book.save(tx, self.row)
        await book.save_steps(tx, [self.steps[number] for number in sorted(numbers)])
        crash.at("sagas.before_commit")

    # Time, and who asks.

    def _check_time(self, row: StepRow | None) -> None:
        now = self._host.clock.now()
        if now >= time_of(self.row.deadline_at):
            raise Expired
        if row is not None and (now - time_of(row.planned_at)).total_seconds() >= AGE_SECONDS_MAX:
            raise TooOld

    def _moment(self, when: datetime | timedelta) -> datetime:
        now = self._host.clock.now()
        if isinstance(when, datetime) and when.utcoffset() is None:
            raise StepRefused(
                f"{when.isoformat()} has no time zone. Write datetime(..., tzinfo=UTC)."
            )
        try:
            moment = now + when if isinstance(when, timedelta) else when.astimezone(UTC)
        except OverflowError:
            moment = datetime.max.replace(tzinfo=UTC)
        if moment > now + timedelta(days=AHEAD_DAYS_MAX):
            raise StepRefused(f"{moment.isoformat()} is over {AHEAD_DAYS_MAX} days away.")
        return max(moment, now)

    def _own_context(self) -> Context:
        row, clock = self.row, self._host.clock
        trace = parse_traceparent(row.trace)
        left = (time_of(row.deadline_at) - clock.now()).total_seconds()
        return Context(
            caller=book.caller_of(row.caller),
            correlation_id=row.correlation_id,
            trace_id=trace[0] if trace else new_trace_id(),
            span_id=new_span_id(),
            deadline=clock.monotonic() + left,
            method=row.method,
            key=row.id,
            transaction=self,
        )

    def context_for(self, row: StepRow, direction: str, name: str) -> Context:
        """The context of a call that a step makes: under one key, however often it is made."""
        return step_context(self._context, self._host, self.row, row, direction, name)


def step_context(
    own: Context, host: Host, saga: SagaRow, row: StepRow, direction: str, name: str
) -> Context:
    """
    The context of a call for *row* of *saga*: the do or the undo.

    The key is that of the saga, the step's place and name, and the direction, so that each attempt
    and each rerun make the same call.
    """
    undoes = ""
    if direction == "undo" and row.state == PLANNED:
        undoes = f"{row.name} {step_key(saga.id, row, 'do')}"
    return Context(
        caller=own.caller,
        correlation_id=own.correlation_id,
        trace_id=own.trace_id,
        span_id=new_span_id(),
        deadline=host.clock.monotonic() + CALL_SECONDS,
        method=name,
        key=None if row.kind == "query" else step_key(saga.id, row, direction),
        via=saga.method.partition(".")[0],
        undoes=undoes,
    )


def step_key(saga_id: str, row: StepRow, direction: str) -> str:
    """The key under which a step is called in one direction."""
    text = f"{saga_id}\n{row.number}\n{row.name}\n{direction}"
    return hashlib.sha256(text.encode()).hexdigest()


def _outcome(replies: Replies, row: StepRow) -> Outcome:
    state = PROBLEM if row.state == PROBLEM else REPLY
    found = replies.decode(state, row.result or "null")
    return Outcome(None, found) if state == PROBLEM else Outcome(found)


def _when_text(when: object) -> str:
    if isinstance(when, timedelta):
        return f"{when.total_seconds()} s"
    if isinstance(when, datetime):
        return when.isoformat()
    raise StepRefused(f"{when!r} is no moment and no timedelta. Write timedelta(days=3).")


@types.coroutine
def _passed_on(signal: Any) -> Generator[Any, Any, Any]:
    """Let the running task wait for *signal*, which the method of a saga waits for."""
    return (yield signal)
