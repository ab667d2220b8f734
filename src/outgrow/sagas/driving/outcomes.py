"""What becomes of a saga when its method has ended."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from outgrow.contracts import Problem
from outgrow.errors import SagaAborted
from outgrow.journal import Replies, time_text
from outgrow.sagas.book import (
    COMPLETED,
    PLANNED,
    PROBLEM,
    REPLY,
    RUNNING,
    STUCK,
    UNDONE,
    SagaRow,
    StepRow,
)

ABORTED = "aborted"
ERROR_CHARACTERS_MAX = 2_000


class Outcome(NamedTuple):
    """What an operation gives to the method that waits for it."""

    value: Any
    error: BaseException | None = None


class Ended(NamedTuple):
    """How the method of a saga ended."""

    value: Any
    error: BaseException | None = None


class Kept(msgspec.Struct, frozen=True):
    """What a saga ended with, as it is written down: ``reply``, ``problem`` or ``aborted``."""

    state: str
    text: str


def conclude(
    row: SagaRow, steps: Mapping[int, StepRow], ended: Ended, replies: Replies, now: datetime
) -> None:
    """Note in *row* that the method has ended: completed, to be undone, or stuck behind a pivot."""
    if ended.error is None:
        try:
            finish(row, COMPLETED, Kept(*replies.encode(ended.value)), now)
        except (TypeError, ValueError) as error:
            give_up(row, steps, Kept(ABORTED, told(error)), now)
        return
    give_up(row, steps, kept_of(ended.error, replies), now)


def kept_of(error: BaseException, replies: Replies) -> Kept:
    """*error* as the caller will meet it: a problem that is declared, or the reason of an abort."""
    if isinstance(error, replies.problems):
        with suppress(TypeError, ValueError):  # Its fields cannot travel.
            return Kept(*replies.encode(error))
    return Kept(ABORTED, told(error))


def give_up(row: SagaRow, steps: Mapping[int, StepRow], why: Kept, now: datetime) -> None:
    """Note in *row* that what was done is to be undone; or that this cannot be, behind a pivot."""
    row.waits_type = row.waits_key = row.due_at = None
    pivot = next((step for step in steps.values() if _may_be_done_for_good(row, step)), None)
    if pivot is not None:
        text = why.text if why.state == ABORTED else f"the problem {why.text}"
        told = f"it cannot be undone behind its pivot, {pivot.name}, and met {text}"
        if pivot.state == PLANNED:
            told = f"nobody knows whether its pivot, {pivot.name}, was done, and it met {text}"
        row.state, row.holder, row.error = STUCK, "", told[:ERROR_CHARACTERS_MAX]
        return
    if to_undo(steps):
        row.state, row.is_undoing, row.attempts = RUNNING, 1, 0
        row.cause = msgspec.json.encode(why).decode()
        return
    finish(row, UNDONE, why, now)


def _may_be_done_for_good(row: SagaRow, step: StepRow) -> bool:
    """Whether *step* is a pivot that was done, or was sent and has not answered."""
    is_local = step.name.partition(".")[0] == row.method.partition(".")[0]
    is_open = step.state == PLANNED and not is_local
    return bool(step.is_pivot) and (step.state == REPLY or is_open)


def to_undo(steps: Mapping[int, StepRow]) -> list[StepRow]:
    """The steps that are to be undone, the last one first."""
    return [
        step
        for _, step in sorted(steps.items(), reverse=True)
        if step.undo is not None and step.state in (REPLY, PLANNED)
    ]


def finish_undone(row: SagaRow, now: datetime) -> None:
    """Note in *row* that all is undone."""
    finish(row, UNDONE, msgspec.json.decode(row.cause or "null", type=Kept), now)


def finish(row: SagaRow, state: str, kept: Kept, now: datetime) -> None:
    """Note in *row* that the saga has ended."""
    row.state, row.outcome, row.ended_at = state, msgspec.json.encode(kept).decode(), time_text(now)
    row.due_at = row.waits_type = row.waits_key = row.error = None
    row.holder = ""


def answer_of(row: SagaRow, replies: Replies) -> Any:
    """
    What the caller of an ended saga gets.

    Raises:
        Problem: It is the reply.
        SagaAborted: It was undone for another reason.
    """
    kept = msgspec.json.decode(row.outcome or "null", type=Kept)
    if kept.state == ABORTED:
        raise SagaAborted(row.method, row.id, kept.text)
    found = replies.decode(PROBLEM if kept.state == PROBLEM else REPLY, kept.text)
    if isinstance(found, Problem):
        raise found
    return found


def told(error: BaseException) -> str:
    """*error* in a line that each database can hold: no surrogates, no zero."""
    text = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return text.replace("\0", "\\x00")[:ERROR_CHARACTERS_MAX]
