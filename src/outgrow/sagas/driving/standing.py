"""Who began a saga may look how it stands."""

from __future__ import annotations

from typing import Any

import msgspec

from outgrow.context import ALL_PERMISSIONS, Caller
from outgrow.contracts import Method
from outgrow.sagas import book
from outgrow.sagas.book import SagaRow
from outgrow.sagas.driving.outcomes import Kept
from outgrow.sagas.standing import Standing
from outgrow.sagas.targets import method_named
from outgrow.store import Store


async def standing_of(store: Store, service: type, saga_id: str, caller: Caller) -> Standing | None:
    """
    How a saga of *service* stands, for whoever may call it over HTTP, and began it or may do all.

    Returns:
        None for anybody else, as if there were none.
    """
    async with store.read() as snapshot:
        row = await book.find(snapshot, saga_id)
    if row is None:
        return None
    method = method_named(service, row.method.rpartition(".")[2])
    if method is None or not _may_look(caller, row, method):
        return None
    kept: Any = Kept("", "")
    if row.ended_at is not None and row.outcome is not None:
        kept = msgspec.json.decode(row.outcome, type=Kept)
    return Standing(
        id=row.id,
        method=method.full_name,
        state=_state_of(row),
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=kept.state,
        text=kept.text,
    )


def _may_look(caller: Caller, row: SagaRow, method: Method) -> bool:
    if method.http is None or not (method.allow is None or caller.may(method.allow)):
        return False
    return row.scope == f"{caller.kind}:{caller.subject}" or caller.permissions >= ALL_PERMISSIONS


def _state_of(row: SagaRow) -> str:
    """Its state in fewer words: whether it waits or works is nobody's matter outside."""
    if row.state == book.WAITING:
        return book.RUNNING
    return "undoing" if row.is_undoing and row.state == book.RUNNING else row.state
