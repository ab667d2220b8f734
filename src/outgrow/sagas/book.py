"""What is written down of sagas and their steps."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec

from outgrow.context import Caller
from outgrow.journal import Keyed, Superseded, note_saga, note_saga_end, time_of
from outgrow.store import Snapshot, Transaction

RUNNING: Final = "running"
WAITING: Final = "waiting"
STUCK: Final = "stuck"
COMPLETED: Final = "completed"
UNDONE: Final = "undone"
RESOLVED: Final = "resolved"
"""The states of a saga; the last three are final, the last by an operator."""

STEP_KEY_CHARACTERS: Final = 64
"""How long the keys of steps are: sha256 in hexadecimal."""

FINAL: Final = frozenset({COMPLETED, UNDONE, RESOLVED})

PLANNED: Final = "planned"
REPLY: Final = "reply"
PROBLEM: Final = "problem"
SKIPPED: Final = "skipped"
"""
The states of a step: written down and perhaps sent, answered, undone (`UNDONE`), or passed over by
an operator.
"""


class SagaRow(msgspec.Struct, kw_only=True):
    """
    A saga as it is written down; the columns of docs/journal.md.

    Attributes:
        due_at: When it may be taken up by a process; None while one works at it, or if nobody may.
        cause: Why it is being undone, as `outcome` is kept.
        outcome: What it ended with: state and text of a reply, of a problem, or of ``aborted``.
        holder: The process that works at it; empty if none does.
        epoch: Grows whenever a process takes it up. What an earlier one commits is rolled back.
    """

    id: str
    method: str
    version: int
    caller: str
    scope: str
    key: str
    arguments_hash: str
    arguments: str
    correlation_id: str
    trace: str
    state: str
    is_undoing: int = 0
    due_at: str | None = None
    attempts: int = 0
    error: str | None = None
    cause: str | None = None
    outcome: str | None = None
    tags: str = "{}"
    waits_type: str | None = None
    waits_key: str | None = None
    started_at: str
    deadline_at: str
    ended_at: str | None = None
    holder: str
    epoch: int = 1

    @property
    def may_be_step(self) -> bool:
        """Whether it may be a step of another saga, by its key; if not, noting it does no harm."""
        return len(self.key) == STEP_KEY_CHARACTERS

    @property
    def keyed(self) -> Keyed:
        """The command that it is, for the inbox."""
        return Keyed(self.method, self.scope, self.key, self.arguments_hash)


class StepRow(msgspec.Struct, kw_only=True):
    """
    A step as it is written down, or a query, a moment, a pause or an event that was waited for.

    Attributes:
        number: Its place in the saga, from 1 on.
        kind: ``step``, ``query``, ``now``, ``sleep`` or ``until``.
        name: ``service.method`` of a step or query; the type of an event.
        result: State and text are those of a reply; of a pause the moment when it ends.
        undo: ``service.method`` of what undoes it.
    """

    saga: str
    number: int
    kind: str
    name: str
    arguments: str
    state: str
    result: str | None = None
    undo: str | None = None
    undo_arguments: str | None = None
    is_pivot: int = 0
    planned_at: str

    @property
    def was_done(self) -> bool:
        """Whether it is known to have been done."""
        return self.state == REPLY

    @property
    def shown(self) -> str:
        """What it asks for, in a line."""
        undo = "" if self.undo is None else f", undone by {self.undo} {self.undo_arguments}"
        pivot = ", the pivot" if self.is_pivot else ""
        return f"{self.kind} {self.name} {self.arguments}{undo}{pivot}"


ABANDONED: Final = "SagaCodeMissing"
"""Begins the error of a saga without code that an operator decided to leave behind."""

_SAGA: Final = SagaRow.__struct_fields__
_STEP: Final = StepRow.__struct_fields__
CHANGING: Final = (
    "state",
    "is_undoing",
    "due_at",
    "attempts",
    "error",
    "cause",
    "outcome",
    "tags",
    "waits_type",
    "waits_key",
    "ended_at",
    "holder",
)
"""What changes of a saga after its begin, but for its epoch."""


def _marks(names: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(names))


_BEGIN: Final = (
    f"insert into outgrow_saga ({', '.join(_SAGA)}) values ({_marks(_SAGA)}) "  # noqa: S608 - ours
    "on conflict (method, scope, key) do nothing returning id"
)
_SAVE: Final = (
    f"update outgrow_saga set {', '.join(f'{name} = ?' for name in CHANGING)} "  # noqa: S608 - ours
    "where id = ? and epoch = ? returning id"
)
_SAVE_STEP: Final = (
    f"insert into outgrow_step ({', '.join(_STEP)}) values ({_marks(_STEP)}) "  # noqa: S608 - ours
    "on conflict (saga, number) do update set state = excluded.state, result = excluded.result"
)
_FIND: Final = f"select {', '.join(_SAGA)} from outgrow_saga where id = ?"  # noqa: S608 - ours
_FIND_KEY: Final = (
    f"select {', '.join(_SAGA)} from outgrow_saga "  # noqa: S608 - ours
    "where method = ? and scope = ? and key = ?"
)
_STEPS: Final = f"select {', '.join(_STEP)} from outgrow_step where saga = ? order by number"  # noqa: S608 - ours
_DUE: Final = (
    "select id, epoch, holder from outgrow_saga where due_at <= ? and ({}) order by due_at limit ?"
)
_NEXT: Final = (
    "select due_at from outgrow_saga where due_at is not null and ({}) order by 1 limit 1"
)
_NEXT_RETRY: Final = (
    "select min(due_at) from outgrow_saga where due_at is not null "
    "and (state = 'running' or is_undoing = 1)"
)
_HELD: Final = (
    "select id, epoch, holder from outgrow_saga where ended_at is null and holder > '' and ({})"
)
_OLDEST_RUNNING: Final = "select min(started_at) from outgrow_saga where ended_at is null and ({})"
_TAKE: Final = (
    "update outgrow_saga set holder = ?, epoch = epoch + 1, due_at = null, state = 'running', "
    "waits_type = null, waits_key = null where id = ? and epoch = ? and holder = ? "
    "and ended_at is null and (due_at is not null or holder <> '') "
    "returning id, epoch"
)
_RELEASE: Final = (
    "update outgrow_saga set holder = '', due_at = ? where holder = ? and ended_at is null "
    "and due_at is null and waits_type is null"
)
_VERSIONS: Final = (
    "select method, version, count(*) from outgrow_saga where ended_at is null "  # noqa: S608 - ours
    f"and not (state = 'stuck' and error like '{ABANDONED}%') "
    "group by method, version order by method, version"
)
_ABANDON: Final = (
    "update outgrow_saga set state = 'stuck', error = ?, due_at = null, waits_type = null, "
    "waits_key = null, holder = '', epoch = epoch + 1 "
    "where method = ? and version = ? and ended_at is null returning id"
)
_COUNT: Final = (
    "select state, is_undoing, count(*) from outgrow_saga where ended_at is null "
    "group by state, is_undoing"
)
_OLDEST: Final = "select min(ended_at) from outgrow_saga where ended_at is not null"
_FORGET: Final = (
    "delete from outgrow_saga where id in (select id from outgrow_saga where ended_at is not null "
    "and ended_at <= ? order by ended_at limit ?) returning id"
)
_FORGET_STEPS: Final = "delete from outgrow_step where saga = ?"


async def begin(tx: Transaction, row: SagaRow) -> bool:
    """
    Write a new saga down; false if its key is there already.

    Raises:
        AlreadyUndone: It is a step of another saga, and comes after its undo.
    """
    if not await tx.own(_BEGIN, msgspec.structs.astuple(row)):
        return False
    if row.may_be_step:
        await note_saga(tx, row.keyed, row.id, time_of(row.started_at))
        await _note_end(tx, row)
    return True


async def save(tx: Transaction, row: SagaRow) -> None:
    """
    Write down how a saga stands, by the process that works at it.

    Raises:
        Superseded: Another process has taken it up.
    """
    values = tuple(getattr(row, name) for name in CHANGING)
    if not await tx.own(_SAVE, (*values, row.id, row.epoch)):
        raise Superseded(f"saga {row.id} was taken up by another process after epoch {row.epoch}")
    await _note_end(tx, row)


async def _note_end(tx: Transaction, row: SagaRow) -> None:
    if row.ended_at is not None and row.may_be_step:
        await note_saga_end(tx, row.keyed, was_done=row.state == COMPLETED)


async def save_steps(tx: Transaction, steps: list[StepRow]) -> None:
    """Write down how *steps* stand."""
    for step in steps:
        await tx.own(_SAVE_STEP, msgspec.structs.astuple(step))


async def find(snapshot: Snapshot, saga_id: str) -> SagaRow | None:
    """The saga of that id."""
    return _saga(await snapshot.own(_FIND, (saga_id,)))


async def find_key(snapshot: Snapshot, method: str, scope: str, key: str) -> SagaRow | None:
    """The saga that a caller began under a key."""
    return _saga(await snapshot.own(_FIND_KEY, (method, scope, key)))


async def steps_of(snapshot: Snapshot, saga_id: str) -> list[StepRow]:
    """What is written down of a saga's steps, in their order."""
    rows = await snapshot.own(_STEPS, (saga_id,))
    return [StepRow(**dict(zip(_STEP, row, strict=True))) for row in rows]


class Kinds:
    """
    Versions of sagas, to ask for theirs and nobody else's.

    Both columns together are no column of an index: there are better ones, by time and by holder.

    Args:
        codes: ``service.method`` and version of each.
    """

    def __init__(self, codes: Collection[tuple[str, int]]) -> None:
        marks = _marks(tuple(codes))
        self.condition = f"method || ' ' || version in ({marks})" if marks else "1 = 0"
        self.parameters = tuple(f"{method} {version}" for method, version in codes)


class Seen(NamedTuple):
    """Whom a saga belonged to when it was looked at: nobody if `holder` is empty."""

    id: str
    epoch: int
    holder: str


async def due(snapshot: Snapshot, now: str, kinds: Kinds, limit: int) -> list[Seen]:
    """Sagas that may be taken up."""
    parameters = (now, *kinds.parameters, limit)
    return [Seen(*row) for row in await snapshot.own(_DUE.format(kinds.condition), parameters)]


async def next_due(snapshot: Snapshot, kinds: Kinds) -> str | None:
    """When the next saga may be taken up."""
    rows = await snapshot.own(_NEXT.format(kinds.condition), kinds.parameters)
    return rows[0][0] if rows else None


async def oldest_running(snapshot: Snapshot, kinds: Kinds) -> str | None:
    """When the oldest saga began that has not ended."""
    ((moment,),) = await snapshot.own(_OLDEST_RUNNING.format(kinds.condition), kinds.parameters)
    return moment  # type: ignore[no-any-return]


async def next_retry(snapshot: Snapshot) -> str | None:
    """When the next saga is tried again that failed; pauses are none."""
    ((moment,),) = await snapshot.own(_NEXT_RETRY)
    return moment  # type: ignore[no-any-return]


async def held(snapshot: Snapshot, kinds: Kinds) -> list[Seen]:
    """Sagas that are worked at, or were when a process died."""
    rows = await snapshot.own(_HELD.format(kinds.condition), kinds.parameters)
    return [Seen(*row) for row in rows]


async def take(tx: Transaction, seen: Seen, me: str) -> bool:
    """Take a saga up, unless something has happened to it since it was *seen*."""
    return bool(await tx.own(_TAKE, (me, *seen)))


async def release(tx: Transaction, me: str, now: str) -> None:
    """Let others take up what this process works at."""
    await tx.own(_RELEASE, (now, me))


async def versions(snapshot: Snapshot) -> list[tuple[str, int, int]]:
    """Method, version and count of the sagas that have not ended, and were not abandoned."""
    return [tuple(row) for row in await snapshot.own(_VERSIONS)]


async def abandon(tx: Transaction, method: str, version: int, error: str) -> int:
    """Leave all sagas of a version stuck; how many those are."""
    return len(await tx.own(_ABANDON, (error, method, version)))


async def counts(snapshot: Snapshot) -> dict[str, int]:
    """How many sagas have not ended, by what they do; undoing counts as such."""
    told: dict[str, int] = {RUNNING: 0, WAITING: 0, "undoing": 0, STUCK: 0}
    for state, is_undoing, count in await snapshot.own(_COUNT):
        told["undoing" if is_undoing and state != STUCK else state] += count
    return told


async def may_forget(snapshot: Snapshot, before: str) -> bool:
    """Whether there is a saga that ended before a moment."""
    ((ended,),) = await snapshot.own(_OLDEST)
    return ended is not None and ended <= before


async def forget(tx: Transaction, before: str, limit: int) -> int:
    """Forget sagas that ended before a moment; how many those were."""
    rows: list[Any] = await tx.own(_FORGET, (before, limit))
    for (saga_id,) in rows:
        await tx.own(_FORGET_STEPS, (saga_id,))
    return len(rows)


def caller_of(text: str) -> Caller:
    """Who began a saga, as `caller_text` wrote it."""
    return _DECODE_CALLER(text)


def caller_text(caller: Caller) -> str:
    """*caller* as JSON."""
    return msgspec.json.encode(caller, order="deterministic").decode()


_DECODE_CALLER = functools.lru_cache(maxsize=256)(msgspec.json.Decoder(Caller).decode)


def _saga(rows: list[Any]) -> SagaRow | None:
    return SagaRow(**dict(zip(_SAGA, rows[0], strict=True))) if rows else None
