"""Sagas as an operator sees them: which there are, and all that is written down of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from outgrow.errors import ControlError
from outgrow.journal import time_of
from outgrow.sagas import book
from outgrow.sagas.book import PLANNED, REPLY, SagaRow, StepRow
from outgrow.sagas.driving import Engine, Hosting
from outgrow.sagas.operating.rows import count, found, open_steps
from outgrow.store import Snapshot

LISTED_MAX: Final = 1_000
"""How many sagas are listed at once."""

UNDOING: Final = "undoing"
STATES: Final = (
    book.RUNNING,
    book.WAITING,
    UNDOING,
    book.STUCK,
    book.COMPLETED,
    book.UNDONE,
    book.RESOLVED,
)
"""What a saga can be said to be; the first four have not ended."""

_OPEN: Final = STATES[:4]
_ID_CHARACTERS: Final = 37
"""Of a dash and a UUID, behind the name of the service."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    Which sagas are wanted.

    Attributes:
        saga: Its method; None means all.
        states: Of `STATES`; none means all that have not ended.
        tags: All of which it has.
        correlation_id: Of the request that began it.
        limit: The newest so many; the stuck ones come first.
    """

    saga: str | None = None
    states: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    correlation_id: str | None = None
    limit: int = 50


class SagaTold(msgspec.Struct, frozen=True, kw_only=True):
    """
    A saga in a line.

    Attributes:
        saga: ``service.method``.
        state: One of `STATES`.
        is_undoing: In which direction it goes, also if it is stuck.
        step: Number and name of the step that it is at; None if it has ended.
        age_seconds: Since it began; of one that has ended, how long it took.
        attempts: How often that step failed in a row.
        due_at: When it goes on; None if it is worked at, is stuck, or has ended.
        waits_for: Type and key of the event that it waits for.
    """

    id: str
    saga: str
    version: int
    state: str
    is_undoing: bool
    step: str | None
    started_at: str
    age_seconds: float
    deadline_at: str
    ended_at: str | None
    attempts: int
    due_at: str | None
    waits_for: str | None
    error: str | None
    correlation_id: str
    tags: dict[str, str]


class StepShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    A step of a saga, or a query, a moment, a pause or an event that it waited for.

    Attributes:
        state: ``planned``, ``reply``, ``problem``, ``undone`` or ``skipped``.
    """

    number: int
    kind: str
    name: str
    state: str
    arguments: Any
    result: Any
    undo: str | None
    undo_arguments: Any
    is_pivot: bool
    planned_at: str


class SagaShown(msgspec.Struct, frozen=True, kw_only=True):
    """
    A saga with all that is written down of it.

    Attributes:
        told: How it stands.
        holder: The process that works at it.
        cause: Why it is being undone, or was.
        outcome: What it ended with.
    """

    told: SagaTold
    caller: Any
    key: str
    arguments: Any
    holder: str | None
    epoch: int
    cause: Any
    outcome: Any
    steps: list[StepShown]


class Showing:
    """
    Shows the sagas of one process. Lives as long as its application.

    Args:
        hosting: What runs them.
    """

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    async def listed(self, service: str, wanted: Wanted) -> tuple[list[SagaTold], int]:
        """
        The sagas of *service* that are *wanted*, and how many there are of them.

        Raises:
            ControlError: It has no sagas here, or there is no such state.
        """
        engine = engine_of(self._hosting, service)
        clauses, values = _clauses(wanted)
        limit = min(max(wanted.limit, 1), LISTED_MAX)
        async with engine.store.read() as snapshot:
            rows = await found(snapshot, clauses, values, limit)
            number = await count(snapshot, clauses, values)
            at = await _steps_at(snapshot, rows)
        now = engine.store.clock.now()
        return [told_of(row, at[row.id], now) for row in rows], number

    async def shown(self, saga_id: str) -> SagaShown:
        """
        All that is written down of a saga.

        Raises:
            ControlError: There is none of that id here.
        """
        engine = engine_of(self._hosting, service_of(saga_id))
        async with engine.store.read() as snapshot:
            row = await book.find(snapshot, saga_id)
            steps = [] if row is None else await book.steps_of(snapshot, saga_id)
        if row is None:
            raise unknown(saga_id)
        return shown_of(row, steps, engine.store.clock.now())


def shown_of(row: SagaRow, steps: list[StepRow], now: datetime) -> SagaShown:
    """What is written down, as it is shown."""
    return SagaShown(
        told=told_of(row, step_at(row, steps), now),
        caller=_data(row.caller),
        key=row.key,
        arguments=_data(row.arguments),
        holder=row.holder or None,
        epoch=row.epoch,
        cause=_kept(row.cause),
        outcome=_kept(row.outcome),
        steps=[_step_shown(step) for step in steps],
    )


def told_of(row: SagaRow, at: StepRow | None, now: datetime) -> SagaTold:
    """How a saga stands, in a line."""
    until = now if row.ended_at is None else time_of(row.ended_at)
    is_undoing = bool(row.is_undoing)
    name = None
    if at is not None:
        name = f"{at.number} {(at.undo if is_undoing else at.name) or at.kind}"
    waits_for = None if row.waits_type is None else f"{row.waits_type} {row.waits_key}"
    is_seen_undoing = is_undoing and row.state in (book.RUNNING, book.WAITING)
    return SagaTold(
        id=row.id,
        saga=row.method,
        version=row.version,
        state=UNDOING if is_seen_undoing else row.state,
        is_undoing=is_undoing,
        step=name,
        started_at=row.started_at,
        age_seconds=round((until - time_of(row.started_at)).total_seconds(), 3),
        deadline_at=row.deadline_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        due_at=row.due_at,
        waits_for=waits_for,
        error=row.error,
        correlation_id=row.correlation_id,
        tags=msgspec.json.decode(row.tags, type=dict[str, str]),
    )


def step_at(row: SagaRow, steps: Sequence[StepRow]) -> StepRow | None:
    """The step that a saga is at: the first that has no answer, or the last that is not undone."""
    if row.ended_at is not None:
        return None
    if row.is_undoing:
        return max(
            (s for s in steps if s.undo is not None and s.state in (REPLY, PLANNED)),
            key=lambda step: step.number,
            default=None,
        )
    return next((step for step in steps if step.state == PLANNED), None)


def engine_of(hosting: Hosting, service: str) -> Engine:
    """
    What runs the sagas of *service* in this process.

    Raises:
        ControlError: It has none here.
    """
    keeping = hosting.keepings.get(service)
    if keeping is None:
        known = ", ".join(sorted(hosting.keepings)) or "none"
        raise ControlError(
            f"{service!r} has no sagas in this process. Services with some: {known}."
        )
    return keeping.engine


def service_of(saga_id: str) -> str:
    """
    The service whose saga it is.

    Raises:
        ControlError: It is no id of a saga.
    """
    service = saga_id[:-_ID_CHARACTERS]
    if not service or saga_id[-_ID_CHARACTERS] != "-":
        message = f"{saga_id!r} is no id of a saga. 'outgrow saga list' names them."
        raise ControlError(message)
    return service


def unknown(saga_id: str) -> ControlError:
    """What is raised if there is no saga of that id."""
    return ControlError(
        f"there is no saga {saga_id}. One that has ended is forgotten a day later; the others are "
        "listed by 'outgrow saga list'."
    )


async def _steps_at(snapshot: Snapshot, rows: list[SagaRow]) -> dict[str, StepRow | None]:
    return {row.id: step_at(row, await open_steps(snapshot, row.id)) for row in rows}


def _clauses(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """What the SQL asks for, and the values."""
    bad = [state for state in wanted.states if state not in STATES]
    if bad:
        raise ControlError(f"{bad[0]!r} is no state of a saga. They are: {', '.join(STATES)}.")
    clauses: list[str] = []
    values: list[Any] = []
    if wanted.saga is not None:
        clauses.append("method = ?")
        values.append(wanted.saga)
    if wanted.correlation_id is not None:
        clauses.append("correlation_id = ?")
        values.append(wanted.correlation_id)
    states = wanted.states or _OPEN
    if set(states) <= set(_OPEN):
        clauses.append("ended_at is null")
    told = "case when is_undoing = 1 and state <> 'stuck' and ended_at is null "
    clauses.append(f"{told}then 'undoing' else state end in ({', '.join('?' * len(states))})")
    values += states
    for name, value in wanted.tags.items():
        # As `Saga.tag` wrote it: JSON in the order of names, so the pair stands there as it is.
        pair = msgspec.json.encode({name: value}).decode()[1:-1]
        clauses.append("replace(tags, ?, '') <> tags")
        values.append(pair)
    return clauses, values


def _step_shown(step: StepRow) -> StepShown:
    return StepShown(
        number=step.number,
        kind=step.kind,
        name=step.name,
        state=step.state,
        arguments=_data(step.arguments),
        result=_data(step.result),
        undo=step.undo,
        undo_arguments=_data(step.undo_arguments),
        is_pivot=bool(step.is_pivot),
        planned_at=step.planned_at,
    )


def _data(text: str | None) -> Any:
    """What *text* says, if it is JSON."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _kept(text: str | None) -> Any:
    kept = _data(text)
    return kept if kept is None else {**kept, "text": _data(kept["text"])}
