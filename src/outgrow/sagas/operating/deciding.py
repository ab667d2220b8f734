"""What an operator decides about a saga: it is done and written down in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from outgrow.context import enter, leave
from outgrow.contracts import Method
from outgrow.errors import ControlError
from outgrow.journal import (
    Decision,
    Outbox,
    Replies,
    check_decision,
    operators_context,
    time_of,
    time_text,
)
from outgrow.sagas import book
from outgrow.sagas.book import PLANNED, REPLY, SKIPPED, SagaRow, StepRow
from outgrow.sagas.driving import ABORTED, TOPIC, Engine, Hosting, Kept, finish, give_up
from outgrow.sagas.operating.rows import fence, prolong, stuck
from outgrow.sagas.operating.showing import (
    SagaTold,
    engine_of,
    service_of,
    step_at,
    told_of,
    unknown,
)
from outgrow.store import Transaction

RETRIED: Final = "outgrow.SagaRetried"
SKIPPED_STEP: Final = "outgrow.SagaSkipped"
BEGUN_UNDOING: Final = "outgrow.SagaUndone"
RESOLVED_BY_HAND: Final = "outgrow.SagaResolved"
"""The types of the rows that tell in the journal what was decided."""

Change = Callable[[SagaRow, list[StepRow]], dict[str, Any]]
"""Changes the rows, and says what the journal keeps of it."""


class Deciding:
    """
    What an operator decides about the sagas of one process. Lives as long as its application.

    Each decision raises the epoch of the saga, so that whoever works at it commits nothing for it
    any more, and writes a row of who decided that, when and why into the journal of its service.

    Args:
        hosting: What runs the sagas.
        outbox_of: The outbox of a service.
        methods: Those that steps may have called, by ``service.method``.
    """

    def __init__(
        self,
        hosting: Hosting,
        outbox_of: Callable[[str], Outbox],
        methods: Mapping[str, Method],
    ) -> None:
        self._hosting = hosting
        self._outbox_of = outbox_of
        self._methods = methods

    async def retry(self, saga_id: str, decision: Decision) -> SagaTold:
        """
        Let a saga go on now, in the direction in which it goes, as if nothing had failed yet.

        If its time is over, it gets as much as it had in the beginning.

        Raises:
            ControlError: There is no such saga, or it has ended.
        """
        engine = self._engine(saga_id)

        def change(row: SagaRow, _: list[StepRow]) -> dict[str, Any]:
            told = {"state": row.state, "attempts": row.attempts, "error": row.error}
            now = engine.clock.now()
            if not row.is_undoing and now >= (deadline := time_of(row.deadline_at)):
                row.deadline_at = time_text(now + (deadline - time_of(row.started_at)))
            _let_go_on(row, time_text(now))
            return told

        return await self._decide(engine, saga_id, RETRIED, decision, change)

    async def retry_stuck(self, name: str, decision: Decision) -> int:
        """
        Let all stuck sagas of a service, or of one of its methods, go on; how many those are.

        Raises:
            ControlError: The service has no sagas here.
        """
        service, _, method = name.partition(".")
        engine = engine_of(self._hosting, service)
        async with engine.store.read() as snapshot:
            found = await stuck(snapshot, name if method else "")
        count = 0
        for saga_id in found:
            with suppress(ControlError):  # Somebody else has decided about it meanwhile.
                await self.retry(saga_id, decision)
                count += 1
        return count

    async def skip(
        self,
        saga_id: str,
        number: int,
        decision: Decision,
        *,
        reply: str | None = None,
        was_done: bool | None = None,
    ) -> SagaTold:
        """
        Pass over the step that a saga is at.

        Args:
            reply: What the method gets for it, as JSON.
            was_done: Whether the step counts as done, so that it is undone if the saga is.

        Raises:
            ControlError: There is no such saga, it has ended, or is at another step; or it is not
                said what the step answered, or whether it was done.
        """
        engine = self._engine(saga_id)
        _check_reason(decision)

        def change(row: SagaRow, steps: list[StepRow]) -> dict[str, Any]:
            step = step_at(row, steps)
            if step is None or step.number != number:
                at = "none that waits" if step is None else f"{step.number}, {step.shown}"
                raise ControlError(f"saga {saga_id} is not at step {number}. It is at {at}.")
            if row.is_undoing:
                _refuse(reply is not None, "a step that is being undone answers nothing: no reply.")
                told = {"step": number, "name": step.undo, "is_undoing": True}
                step.state = SKIPPED
            else:
                told = {"step": number, "name": step.name, "was_done": was_done}
                step.result = self._answer(engine, step, reply, was_done=was_done)
                step.state = REPLY if was_done is not False else SKIPPED
            _let_go_on(row, time_text(engine.clock.now()))
            return told

        return await self._decide(engine, saga_id, SKIPPED_STEP, decision, change)

    async def undo(self, saga_id: str, decision: Decision) -> SagaTold:
        """
        Begin to undo what a saga has done.

        Raises:
            ControlError: There is no such saga, it has ended, is being undone, or has passed its
                pivot, or perhaps has.
        """
        engine = self._engine(saga_id)
        _check_reason(decision)

        def change(row: SagaRow, steps: list[StepRow]) -> dict[str, Any]:
            told = f"saga {saga_id} is being undone already"
            _refuse(bool(row.is_undoing), f"{told}. If that is stuck: outgrow saga retry {saga_id}")
            for step in steps:
                _check_pivot(engine, saga_id, step)
            before = row.state
            why = Kept(ABORTED, f"undone by {decision.who}: {decision.reason}")
            give_up(row, {step.number: step for step in steps}, why, engine.clock.now())
            if row.ended_at is None:
                _let_go_on(row, time_text(engine.clock.now()))
            return {"state": before}

        return await self._decide(engine, saga_id, BEGUN_UNDOING, decision, change)

    async def resolve(
        self, saga_id: str, decision: Decision, *, reply: str | None = None
    ) -> SagaTold:
        """
        End a saga as it is; what it has done stays, and what it has not done is not done.

        Args:
            reply: What its callers get, as JSON; without it, they get `SagaAborted`.

        Raises:
            ControlError: There is no such saga, it has ended, or it does not answer such replies.
        """
        engine = self._engine(saga_id)
        _check_reason(decision)

        def change(row: SagaRow, steps: list[StepRow]) -> dict[str, Any]:
            told = f"resolved by {decision.who}: {decision.reason}"
            kept = Kept(ABORTED, told)
            if reply is not None:
                replies = engine.replies(row.method)
                kept = Kept(REPLY, _encoded(replies, row.method, reply))
            done = [f"{s.number} {s.name}" for s in steps if s.kind == "step" and s.state == REPLY]
            body = {"state": row.state, "error": row.error, "done": done, "outcome": kept.state}
            finish(row, book.RESOLVED, kept, engine.clock.now())
            row.error = told
            return body

        return await self._decide(engine, saga_id, RESOLVED_BY_HAND, decision, change)

    def _engine(self, saga_id: str) -> Engine:
        return engine_of(self._hosting, service_of(saga_id))

    async def _decide(
        self, engine: Engine, saga_id: str, name: str, decision: Decision, change: Change
    ) -> SagaTold:
        check_decision(decision)
        decided: list[tuple[SagaRow, list[StepRow]]] = []

        async def unit(tx: Transaction) -> None:
            row, steps = await _fenced(tx, saga_id)
            deadline_at = row.deadline_at
            body = change(row, steps)
            engine.answers.supersede(saga_id)
            await book.save(tx, row)
            await book.save_steps(tx, steps)
            if row.deadline_at != deadline_at:
                await prolong(tx, saga_id, row.deadline_at)
            told = {"saga": row.method, "who": decision.who, "reason": decision.reason, **body}
            tx.entries += [self._audit(engine, row, name, told), TOPIC]
            decided.append((row, steps))

        try:
            await engine.store.transact(unit)
        finally:
            engine.has_lost = True  # What is superseded, if this was not committed.
            engine.answers.let_go(saga_id)
        row, steps = decided[-1]
        return told_of(row, step_at(row, steps), engine.clock.now())

    def _audit(self, engine: Engine, row: SagaRow, name: str, told: dict[str, Any]) -> Any:
        """The row that says who decided what."""
        entered = enter(operators_context(told["who"], row.correlation_id))
        try:
            return self._outbox_of(engine.name).audit(name, row.id, told)
        finally:
            leave(entered)

    def _answer(
        self, engine: Engine, step: StepRow, reply: str | None, *, was_done: bool | None
    ) -> str:
        """What the method gets for a step that is passed over."""
        if step.kind == "sleep":
            _refuse(reply is not None, "a pause answers nothing: no reply.")
            return step.result or ""
        if step.kind == "until":
            _refuse(
                reply is not None or step.result is None,
                "an event cannot be given here: record it, or undo the saga. Only a wait that has "
                "an end, by within=, is passed over.",
            )
            return "null"
        if step.kind == "step" and was_done is None:
            _refuse(
                step.undo is not None or bool(step.is_pivot),
                f"was {step.name} done? Say --done if it was, so that it is undone if the saga is, "
                "or --not-done.",
            )
        return _encoded(self._replies(engine, step.name), step.name, reply)

    def _replies(self, engine: Engine, name: str) -> Replies:
        local = engine.targets.named(name)
        if local is not None:
            return local.replies
        method = self._methods.get(name)
        if method is None:
            message = f"{name} is no method that this process knows, so nothing fits its reply."
            raise ControlError(message)
        return engine.targets.remote(method).replies


async def _fenced(tx: Transaction, saga_id: str) -> tuple[SagaRow, list[StepRow]]:
    """What is written down of a saga that nobody else writes about from now on."""
    is_open = await fence(tx, saga_id)
    row = await book.find(tx, saga_id)
    if row is None:
        raise unknown(saga_id)
    if not is_open:
        raise ControlError(
            f"saga {saga_id} has ended: it is {row.state} since {row.ended_at}. Nothing can be "
            "decided about it any more."
        )
    return row, await book.steps_of(tx, saga_id)


def _let_go_on(row: SagaRow, now: str) -> None:
    row.state, row.holder, row.due_at, row.attempts, row.error = book.RUNNING, "", now, 0, None
    row.waits_type = row.waits_key = None


def _check_pivot(engine: Engine, saga_id: str, step: StepRow) -> None:
    """See that the saga has not passed its pivot, or perhaps has."""
    if not step.is_pivot:
        return
    _refuse(
        step.state == REPLY,
        f"saga {saga_id} has passed its pivot, {step.name}: what it did is not undone any more. "
        "Let it go on, by retry or skip, or resolve it.",
    )
    _refuse(
        # One of the service's own is done in the commit that says so.
        step.state == PLANNED and engine.targets.named(step.name) is None,
        f"nobody knows whether the pivot of saga {saga_id}, {step.name}, was done. Look there, and "
        f"say it: outgrow saga skip {saga_id} {step.number} --done or --not-done; then undo.",
    )


def _check_reason(decision: Decision) -> None:
    message = "why? What is decided by hand is kept with a reason."
    _refuse(not decision.reason.strip(), message)


def _refuse(is_wrong: bool, message: str) -> None:  # noqa: FBT001 - read as a sentence
    if is_wrong:
        raise ControlError(message)


def _encoded(replies: Replies, name: str, reply: str | None) -> str:
    """*reply* as it is written down."""
    try:
        value = replies.decode(REPLY, "null" if reply is None else reply)
        return replies.encode(value)[1]
    except Exception as error:
        if reply is None:
            message = f"what does {name} answer? Its method goes on with it: --reply JSON."
        else:
            message = f"{reply} is no reply of {name}: {error}"
        raise ControlError(message) from error
