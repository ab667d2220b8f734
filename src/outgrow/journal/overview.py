"""What an operator sees of journals and their consumers, and what one decides about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from outgrow.errors import ControlError
from outgrow.journal.consumers import Consumer, ConsumerStatistics
from outgrow.journal.timing import SetTimer, tell_timers
from outgrow.store import Store, Transaction

ROWS_MAX: Final = 1_000
"""How many rows of a journal, or keys of a service, are told at once."""

BODIES_BYTES_MAX: Final = 4 * 1024 * 1024
"""How much the bodies of the rows that are told at once may take."""

_COLUMNS = "position, id, kind, type, schema, key, destination, recorded_at, correlation_id, body"
_WAITING = (
    "select w.consumer, w.source, w.key, w.state, w.attempts, w.waiting_since, w.due_at, w.error, "
    "l.messages from outgrow_waiting w join (select consumer, source, key, min(position) as head, "
    "count(*) as messages from outgrow_waiting group by consumer, source, key) l "
    "on w.consumer = l.consumer and w.source = l.source and w.key = l.key and w.position = l.head "
    "order by w.waiting_since, w.consumer, w.source, w.key limit ?"
)
_WAITING_KEYS = (
    "select count(*) from (select 1 from outgrow_waiting group by consumer, source, key) k"
)
_KNOWN = (
    "select k.consumer, k.source, "
    "(select position from outgrow_cursor c where c.consumer = k.consumer and c.source = k.source),"
    "(select count(*) from outgrow_waiting w where w.consumer = k.consumer and w.source = k.source)"
    ",(select count(distinct w.key) from outgrow_waiting w where w.consumer = k.consumer "
    "and w.source = k.source and w.state = 'parked') "
    "from (select consumer, source from outgrow_cursor "
    "union select consumer, source from outgrow_highwater "
    "union select consumer, source from outgrow_waiting) k order by k.consumer, k.source"
)
_TABLES = ("outgrow_cursor", "outgrow_highwater", "outgrow_waiting")


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    A row of a journal, as it was written.

    Attributes:
        schema: The number of the form in which the event was written.
        body: The event's fields, or the command's arguments; None if it was not asked for.
    """

    position: int
    id: str
    kind: str
    type: str
    schema: int
    key: str | None
    destination: str | None
    recorded_at: str
    correlation_id: str
    body: Any = None


class JournalRows(msgspec.Struct, frozen=True, kw_only=True):
    """
    Some rows of a journal, in their order.

    Attributes:
        is_cut: Whether their bodies were too large to tell all that were asked for.
    """

    service: str
    rows: list[JournalRow]
    is_cut: bool


class WaitingKey(msgspec.Struct, frozen=True, kw_only=True):
    """
    A key under which messages wait for one consumer.

    Attributes:
        state: ``retrying``: the first message will be tried again. ``parked``: it will not.
        attempts: How often it was tried.
        waiting_since: When it was first tried in vain.
        due_at: When it is tried again.
        error: What the last attempt ended with.
        messages: How many wait, with the first.
    """

    consumer: str
    source: str
    key: str
    state: str
    attempts: int
    waiting_since: str
    due_at: str | None
    error: str | None
    messages: int


class KnownConsumer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A consumer that runs here, or has left rows in the store of a service that is hosted here.

    Attributes:
        state: ``running``, or ``dead`` if no code of this process has that name and source.
        position: Up to where it has read.
        lag: How many positions its source is ahead; None if nobody knows.
        waiting: Messages that wait for it, parked or not.
        parked: Keys that wait for an operator.
    """

    consumer: str
    source: str
    state: Literal["running", "dead"]
    position: int
    lag: int | None
    waiting: int
    parked: int


class Overview:
    """
    The journals and consumers of one process, for its operator. Lives as long as its delivery.

    Args:
        stores: The stores of the hosted services, by service.
        consumers: The consumers that run.
        former: The names that events had before, by their names of today; all three may still grow.
    """

    def __init__(
        self,
        stores: Mapping[str, Store],
        consumers: Sequence[Consumer],
        former: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._stores = stores
        self._former = former
        self._consumers = consumers

    async def rows(
        self,
        service: str,
        *,
        after: int | None = None,
        limit: int = 20,
        only: str | None = None,
        has_bodies: bool = False,
    ) -> JournalRows:
        """
        Rows of the journal of *service*, at most 1000: the newest, or those that follow *after*.

        Args:
            only: Rows of this type of event, also under its former names, or method of a command.
            has_bodies: Whether to tell the bodies, at most 4 MiB of them.

        Raises:
            ControlError: The service has no journal here.
        """
        store = self._store(service)
        order = "desc" if after is None else "asc"
        names = () if only is None else (only, *self._former.get(only, ()))
        of_names = f"and type in ({', '.join('?' * len(names))}) " if names else ""
        select = (
            f"select {_COLUMNS} from outgrow_journal "  # noqa: S608 - our own columns, and marks
            f"where position > ? {of_names}order by position {order} limit ?"
        )
        async with store.read() as snapshot:
            found = await snapshot.own(select, (after or 0, *names, max(0, min(limit, ROWS_MAX))))
        rows, size = [], 0
        for *columns, body in found:
            size += len(body) if has_bodies else 0
            if size > BODIES_BYTES_MAX:
                break
            row = dict(zip(_COLUMNS.split(", "), columns, strict=False))
            rows.append(JournalRow(**row, body=msgspec.json.decode(body) if has_bodies else None))
        is_cut = len(rows) < len(found)
        return JournalRows(
            service=service, rows=rows[::-1] if order == "desc" else rows, is_cut=is_cut
        )

    async def waiting(self) -> tuple[list[WaitingKey], int]:
        """The keys under which something waits, longest first, at most 1000 a service; how many."""
        keys, count = [], 0
        for store in self._stores.values():
            async with store.read() as snapshot:
                found = await snapshot.own(_WAITING, (ROWS_MAX,))
                ((more,),) = await snapshot.own(_WAITING_KEYS)
            fields = WaitingKey.__struct_fields__
            keys += [WaitingKey(**dict(zip(fields, row, strict=True))) for row in found]
            count += more
        return keys, count

    async def timers(self, service: str | None, limit: int) -> dict[str, list[SetTimer]]:
        """
        The timers that are due first, by service, at most 1000 each.

        Args:
            service: Only of this one; of all that are hosted here if it is None.

        Raises:
            ControlError: The service has no journal here.
        """
        told = {}
        for name in self._stores if service is None else [service]:
            async with self._store(name).read() as snapshot:
                told[name] = await tell_timers(snapshot, limit)
        return told

    async def consumers(self, running: Sequence[ConsumerStatistics]) -> list[KnownConsumer]:
        """Those of *running*, and those that have rows in a store and no code any more."""
        known = [
            KnownConsumer(
                consumer=one.consumer,
                source=one.source,
                state="running",
                position=one.position,
                lag=one.lag,
                waiting=one.waiting,
                parked=one.parked_count,
            )
            for one in running
        ]
        return known + [dead for store in self._stores.values() for dead in await self._dead(store)]

    async def remove(self, consumer: str) -> int:
        """
        Remove the rows of a dead consumer; how many messages that waited for it are dropped.

        If its code comes back, it is a new consumer.

        Raises:
            ControlError: There is no such consumer here, or it runs.
        """
        for store in self._stores.values():
            dead = [known for known in await self._dead(store) if known.consumer == consumer]
            if dead:
                for known in dead:
                    await store.transact(_remove, (known.consumer, known.source))
                return sum(known.waiting for known in dead)
        if consumer in {running.name for running in self._consumers}:
            raise ControlError(
                f"{consumer!r} runs, and only a consumer without code can be removed. "
                "Remove its handler from the code first."
            )
        names = ", ".join(sorted({known.consumer for known in await self.consumers([])})) or "none"
        raise ControlError(f"{consumer!r} is no consumer of this process. Dead are: {names}.")

    def _store(self, service: str) -> Store:
        store = self._stores.get(service)
        if store is None:
            names = ", ".join(sorted(self._stores)) or "none"
            raise ControlError(f"{service!r} has no journal in this process. There are: {names}.")
        return store

    async def _dead(self, store: Store) -> list[KnownConsumer]:
        running = {(consumer.name, consumer.source) for consumer in self._consumers}
        async with store.read() as snapshot:
            known = await snapshot.own(_KNOWN)
        return [
            KnownConsumer(
                consumer=consumer,
                source=source,
                state="dead",
                position=position or 0,
                lag=None,
                waiting=waiting,
                parked=parked,
            )
            for consumer, source, position, waiting, parked in known
            if (consumer, source) not in running
        ]


async def _remove(tx: Transaction, of: tuple[str, str]) -> None:
    for table in _TABLES:
        await tx.own(f"delete from {table} where consumer = ? and source = ?", of)  # noqa: S608
