"""Sagas with one safeguard removed, as `tests.crash.mutants` are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from outgrow import crash
from outgrow.journal import inbox
from outgrow.sagas import book
from outgrow.sagas.book import PLANNED, REPLY
from outgrow.sagas.driving import contexts, undoing
from outgrow.sagas.driving.answers import Answers
from outgrow.sagas.driving.execution import Execution
from outgrow.sagas.driving.keeping import Keeping
from outgrow.sagas.driving.operations import Operations, outcome_of
from outgrow.sagas.targets import Local
from tests.crash.mutants import replace


def plan_late() -> None:
    """A step and its undo are written down after the step was sent, with its reply."""
    do = Operations._do

    async def send_first(self: Any, step: Any) -> Any:
        target, row = self._plan(step)
        if isinstance(target, Local) or row.state != PLANNED:
            self.number -= 1
            self._log._dirty.discard(row.number)
            return await do(self, step)
        self._check_time(target, row)
        crash.at("sagas.after_plan")
        await self._send(target, row)
        await self._log.save()
        return outcome_of(target.replies, row)

    replace(Operations, "_do", send_first)


def keyed_by_count() -> None:
    """The key of a step counts the calls that its saga has made, in this process."""
    counts: Counter[str] = Counter()

    def key(row: Any, direction: str) -> str:
        counts[row.saga] += 1
        return f"{row.saga} {counts[row.saga]} {direction}"

    replace(contexts, "step_key", key)


def reply_first() -> None:
    """The caller is told the end before it is written down."""
    wait_for = Answers.wait_for

    async def tell(self: Any, running: Any, *rest: Any) -> Any:
        while running.row.ended_at is None and not running.ended.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0)  # noqa: TID251 - it looks at once, before the commit
        running.ended.set()
        return await wait_for(self, running, *rest)

    replace(Answers, "wait_for", tell)


def end_apart() -> None:
    """The end is written down before the last step is done."""
    do_here = Operations._do_here

    async def end_first(self: Any, target: Any, row: Any, *, is_alone: bool) -> None:
        if target.name != "giro.earn":
            return await do_here(self, target, row, is_alone=is_alone)
        self._log.answer(row, REPLY, "null")
        self._advance(outcome_of(target.replies, row))
        await self._log.save()
        crash.at("inbox.after_remember")  # Nothing else in this story passes it.

        async def effect(tx: Any) -> None:
            await target.run(tx, row.arguments)

        await self._host.store.transact(effect)
        return None

    replace(Operations, "_do_here", end_first)


def step_apart() -> None:
    """What a local step does is one commit, and that it was done another one."""
    do_here = Operations._do_here

    async def in_two(self: Any, target: Any, row: Any, *, is_alone: bool) -> None:
        async def effect(tx: Any) -> None:
            await target.run(tx, row.arguments)

        await self._host.store.transact(effect)
        crash.at("sagas.before_local")
        run, target.run = target.run, _nothing
        try:
            await do_here(self, target, row, is_alone=is_alone)
        finally:
            target.run = run

    replace(Operations, "_do_here", in_two)


async def _nothing(*_: Any) -> None:
    """What is left of a step that was done already."""


def undo_forward() -> None:
    """What was done first is undone first."""
    to_undo = undoing.to_undo
    replace(undoing, "to_undo", lambda steps: list(reversed(to_undo(steps))))


def undo_unasked() -> None:
    """A step of which nobody knows whether it arrived is undone as if it had."""
    make = contexts.call_context

    def make_sure(*given: Any) -> Any:
        context = make(*given)
        context.undoes = ""
        return context

    replace(undoing, "call_context", make_sure)


def undo_once() -> None:
    """An undo that failed is not tried again."""
    undo = undoing._undo

    async def try_once(host: Any, log: Any, context: Any, step: Any) -> None:
        try:
            await undo(host, log, context, step)
        except undoing.Failed:
            log.note(step, undoing.UNDONE)

    replace(undoing, "_undo", try_once)


def tombstone_forgotten() -> None:
    """An undo that found nothing to undo leaves nothing that its step would meet."""

    async def had_effect(tx: Any, _clock: Any, undo: Any, undoes: str) -> bool:
        method, _, key = undoes.partition(" ")
        rows = await tx.own(inbox._FIND, (method, undo.caller, key))
        return bool(rows and rows[0][1] == "reply")

    replace(inbox, "had_effect", had_effect)


def query_anew() -> None:
    """A replay asks its queries again."""
    query = Operations._query

    async def ask(self: Any, question: Any) -> Any:
        row = self._log.steps.get(self.number + 1)
        if row is not None:
            row.state = PLANNED
        return await query(self, question)

    replace(Operations, "_query", ask)


def now_anew() -> None:
    """A replay asks for the time again."""
    replace(Execution, "now", lambda self: self._clock.now())


def orphans_left() -> None:
    """Nobody takes up what a process that died has worked at."""

    async def none(*_: Any) -> list[Any]:
        return []

    replace(Keeping, "_orphans", none)


def step_unfenced() -> None:
    """Whoever has worked at a saga writes down what comes of it, whoever has taken it up since."""
    replace(book, "_SAVE", book._SAVE.replace("epoch = ?", "epoch >= ? - 1000"))


SAGA_MUTANTS: dict[str, Callable[[], None]] = {
    "plan_late": plan_late,
    "keyed_by_count": keyed_by_count,
    "reply_first": reply_first,
    "end_apart": end_apart,
    "step_apart": step_apart,
    "undo_forward": undo_forward,
    "undo_unasked": undo_unasked,
    "undo_once": undo_once,
    "tombstone_forgotten": tombstone_forgotten,
    "query_anew": query_anew,
    "now_anew": now_anew,
    "orphans_left": orphans_left,
    "step_unfenced": step_unfenced,
}
