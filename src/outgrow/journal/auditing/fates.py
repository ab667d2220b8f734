"""One row of a journal, whole, and what each consumer has made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from outgrow.errors import ControlError
from outgrow.journal.auditing.decisions import DROPPED
from outgrow.journal.consumers import Consumer
from outgrow.journal.messages import line_of, partition_of
from outgrow.store import Snapshot, Store

_FIELDS: Final = (
    "position",
    "id",
    "stream",
    "version",
    "kind",
    "type",
    "schema",
    "destination",
    "key",
    "partition",
    "cause",
    "correlation_id",
    "trace",
    "caller",
    "tenant",
    "recorded_at",
    "body",
)
COLUMNS: Final = ", ".join(_FIELDS)
"""All columns of a journal, in their order."""

_AT = f"select {COLUMNS} from outgrow_journal where position = ?"  # noqa: S608 - our own columns
_WITH_ID = f"select {COLUMNS} from outgrow_journal where id = ?"  # noqa: S608 - our own columns
_WAITS = (
    "select state, attempts, due_at, error from outgrow_waiting "
    "where consumer = ? and source = ? and key = ? and position = ?"
)
_HIGHWATER = (
    "select position from outgrow_highwater where consumer = ? and source = ? and partition = ?"
)
_CURSOR = "select position from outgrow_cursor where consumer = ? and source = ?"
_DROPS = (
    "select body from outgrow_journal where kind = 'audit' and type = ? and key = ? "
    "order by position desc"
)


class FullRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a journal with all its columns, as docs/journal.md tells them."""

    service: str
    position: int
    id: str
    stream: str | None
    version: int | None
    kind: str
    type: str
    schema: int
    destination: str | None
    key: str | None
    partition: int
    cause: str | None
    correlation_id: str
    trace: str
    caller: Any
    tenant: str | None
    recorded_at: str
    body: Any

    @property
    def line(self) -> str:
        """Behind whom it waits, if it waits."""
        return line_of(self)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a consumer has made of one message.

    Attributes:
        state: ``handled``; ``retrying``, ``parked`` or ``queued``, if it waits; ``dropped`` by an
            operator; ``not reached``: the consumer will come to it; ``passed``: it was recorded
            before the consumer began, or under a name that it did not know.
    """

    consumer: str
    state: Literal["handled", "retrying", "parked", "queued", "dropped", "not reached", "passed"]
    attempts: int = 0
    due_at: str | None = None
    error: str | None = None


class Fates:
    """
    Tells single messages of the services here, and what the consumers here have made of any.

    Lives as long as its delivery.
    """

    def __init__(self, consumers: Sequence[Consumer], stores: Mapping[str, Store]) -> None:
        self._consumers = consumers
        self._stores = stores

    async def row(self, service: str, wanted: str) -> FullRow:
        """
        The row of the journal of *service* at a position, or with an id.

        Raises:
            ControlError: There is none.
        """
        store = self._stores.get(service)
        if store is None:
            names = ", ".join(sorted(self._stores)) or "none"
            raise ControlError(f"{service!r} has no journal in this process. There are: {names}.")
        is_place = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
        async with store.read() as snapshot:
            rows = await (
                snapshot.own(_AT, (int(wanted),)) if is_place else snapshot.own(_WITH_ID, (wanted,))
            )
        if not rows:
            what = "position" if is_place else "id"
            message = (
                f"the journal of {service!r} has no row with the {what} {wanted}. It was never "
                "recorded, or is in an archive only: put it back with 'outgrow event restore'."
            )
            raise ControlError(message)
        return full_row(service, rows[0])

    async def of(self, source: str, row: FullRow) -> list[Fate]:
        """What each consumer here that takes such messages of *source* has made of *row*."""
        fates = []
        for consumer in self._consumers:
            if consumer.source == source and consumer.takes(row.kind, row.destination or row.type):
                store = self._stores[consumer.service]
                async with store.read() as snapshot:
                    fates.append(await _fate(snapshot, consumer, row))
        return sorted(fates, key=lambda fate: fate.consumer)


def full_row(service: str, columns: Sequence[Any]) -> FullRow:
    """The row that was read as *columns*."""
    told = dict(zip(_FIELDS, columns, strict=True))
    told["caller"] = msgspec.json.decode(told["caller"])
    told["body"] = msgspec.json.decode(told["body"])
    return FullRow(service=service, **told)


async def _fate(snapshot: Snapshot, consumer: Consumer, row: FullRow) -> Fate:
    of = (consumer.name, consumer.source)
    waits = await snapshot.own(_WAITS, (*of, row.line, row.position))
    if waits:
        state, attempts, due_at, error = waits[0]
        return Fate(
            consumer=consumer.name, state=state, attempts=attempts, due_at=due_at, error=error
        )
    for (body,) in await snapshot.own(_DROPS, (DROPPED, row.line)):
        told = msgspec.json.decode(body)
        if (told["consumer"], told["source"]) == of and any(
            one["position"] == row.position for one in told["dropped"]
        ):
            return Fate(consumer=consumer.name, state="dropped", error=told["reason"])
    return Fate(consumer=consumer.name, state=await _progress(snapshot, consumer, row))


async def _progress(
    snapshot: Snapshot, consumer: Consumer, row: FullRow
) -> Literal["handled", "passed", "not reached"]:
    of = (consumer.name, consumer.source)
    read = max(consumer.position, *(p for (p,) in await snapshot.own(_CURSOR, of)), 0)
    if row.kind == "command":
        return "handled" if read >= row.position else "not reached"
    partition = partition_of(row.line)
    highwater = await snapshot.own(_HIGHWATER, (*of, partition))
    if highwater and highwater[0][0] >= row.position:
        return "handled"
    return "passed" if read >= row.position else "not reached"
