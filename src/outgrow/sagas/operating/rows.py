"""What an operator asks of the tables, and changes there."""

from __future__ import annotations

from typing import Any, Final

from outgrow.sagas.book import SagaRow, StepRow
from outgrow.store import Snapshot, Transaction

_COLUMNS: Final = ", ".join(SagaRow.__struct_fields__)
_STEP: Final = StepRow.__struct_fields__
_OPEN_STEPS: Final = (
    f"select {', '.join(_STEP)} from outgrow_step where saga = ? "  # noqa: S608 - ours
    "and state in ('planned', 'reply') order by number"
)
_FENCE: Final = (
    "update outgrow_saga set epoch = epoch + 1 where id = ? and ended_at is null returning id"
)
_PROLONG: Final = "update outgrow_saga set deadline_at = ? where id = ?"
_STUCK: Final = (
    "select id from outgrow_saga where state = 'stuck' and ended_at is null "
    "and (method = ? or ? = '') order by id"
)


async def found(
    snapshot: Snapshot, clauses: list[str], values: list[Any], limit: int
) -> list[SagaRow]:
    """The sagas for which *clauses* hold, the stuck ones first, then the newest."""
    sql = (
        f"select {_COLUMNS} from outgrow_saga where {' and '.join(clauses)} "  # noqa: S608 - ours
        "order by case state when 'stuck' then 0 else 1 end, started_at desc, id limit ?"
    )
    rows = await snapshot.own(sql, (*values, limit))
    names = SagaRow.__struct_fields__
    return [SagaRow(**dict(zip(names, row, strict=True))) for row in rows]


async def count(snapshot: Snapshot, clauses: list[str], values: list[Any]) -> int:
    """For how many sagas *clauses* hold."""
    sql = f"select count(*) from outgrow_saga where {' and '.join(clauses)}"  # noqa: S608 - ours
    ((number,),) = await snapshot.own(sql, tuple(values))
    return int(number)


async def open_steps(snapshot: Snapshot, saga_id: str) -> list[StepRow]:
    """The steps of a saga that wait for an answer, or have one."""
    rows = await snapshot.own(_OPEN_STEPS, (saga_id,))
    return [StepRow(**dict(zip(_STEP, row, strict=True))) for row in rows]


async def stuck(snapshot: Snapshot, method: str) -> list[str]:
    """The ids of the sagas that are stuck, of one method or of all if it is empty."""
    return [saga for (saga,) in await snapshot.own(_STUCK, (method, method))]


async def fence(tx: Transaction, saga_id: str) -> bool:
    """
    Let nobody else write down anything of a saga from now on; false if it has ended.

    On PostgreSQL whoever is about to commit for it waits until this transaction is over, and finds
    another epoch then.
    """
    return bool(await tx.own(_FENCE, (saga_id,)))


async def prolong(tx: Transaction, saga_id: str, deadline_at: str) -> None:
    """Give a saga time until *deadline_at*."""
    await tx.own(_PROLONG, (deadline_at, saga_id))
