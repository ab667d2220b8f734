"""Late steps and late processes do nothing; without what keeps them from it they would."""

from __future__ import annotations

from typing import Any

import pytest

from outgrow.errors import AlreadyUndone
from outgrow.journal import Superseded, inbox
from outgrow.sagas import book
from outgrow.testing import temporary_store
from tests.crash.saga_mutants import step_unfenced, tombstone_forgotten
from tests.faults.transfers.giro.service import GiroService

DO = inbox.Keyed("north.block", "user:a", "do", "")
UNDO = inbox.Keyed("north.unblock", "user:a", "undo", "")
REPLIES = inbox.Replies("north.block", None, {})


async def undo_and_do(store: Any) -> list[str]:
    """An undo overtakes its step; what has had an effect."""
    effects = []

    async def undo(_: Any) -> None:
        effects.append("undo")

    async def do(_: Any) -> None:
        effects.append("do")

    await inbox.run_once(store, UNDO, REPLIES, undo, f"{DO.method} {DO.key}")
    await inbox.run_once(store, UNDO, REPLIES, undo, f"{DO.method} {DO.key}")
    await inbox.run_once(store, DO, REPLIES, do)
    return effects


async def test_a_step_that_comes_after_its_undo_has_no_effect() -> None:
    async with temporary_store(GiroService) as store:
        with pytest.raises(AlreadyUndone):
            await undo_and_do(store)


async def test_an_undo_that_leaves_nothing_behind_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "had_effect", inbox.had_effect)
    tombstone_forgotten()
    async with temporary_store(GiroService) as store:
        assert await undo_and_do(store) == ["do"]


async def supersede(store: Any) -> None:
    """One process begins a saga, another takes it up, and the first one writes it down again."""
    row = book.SagaRow(
        id="giro-1",
        method="giro.transfer",
        version=1,
        caller="{}",
        scope="user:a",
        key="k",
        arguments_hash="",
        arguments="{}",
        correlation_id="",
        trace="",
        state=book.RUNNING,
        started_at="2030",
        deadline_at="2031",
        holder="one",
    )
    assert await store.transact(book.begin, row)
    seen = book.Seen(row.id, row.epoch, row.holder)
    assert await store.transact(book.take, seen, "other")
    assert not await store.transact(book.take, seen, "a third")
    await store.transact(book.save, row)


async def test_what_a_process_writes_after_another_took_the_saga_up_is_rolled_back() -> None:
    async with temporary_store(GiroService) as store:
        with pytest.raises(Superseded):
            await supersede(store)


async def test_a_saga_without_a_fence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_SAVE", book._SAVE)
    step_unfenced()
    async with temporary_store(GiroService) as store:
        await supersede(store)
