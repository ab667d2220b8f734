"""A service's journal, as its readers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from outgrow.clock import SystemClock
from outgrow.journal.messages import Batch, Message
from outgrow.journal.outbox import Outbox
from outgrow.journal.replicas import Frontier, Replica
from outgrow.store import Snapshot, Store

SCANNED_ROWS_MAX: Final = 10_000
"""How far one reading looks, so that a handler of rare events does not hold up others."""

_COLUMNS = (
    "position, id, kind, type, schema, destination, key, partition, cause, "
    "correlation_id, trace, caller, tenant, recorded_at, body"
)
"""The journal's columns in the order of the fields of `Message`."""

_END = "select coalesce(max(position), 0) from outgrow_journal"
_ID = "select id from outgrow_journal where position = ?"
_COMMANDS = (
    f"select {_COLUMNS} from outgrow_journal "  # noqa: S608 - our own columns
    "where kind = 'command' and destination = ? and position > ? and position <= ? "
    "order by position limit ?"
)
_DESTINATIONS = (
    "with recursive found (destination) as ("
    "select min(destination) from outgrow_journal where kind = 'command' union all "
    "select (select min(destination) from outgrow_journal "
    "where kind = 'command' and destination > found.destination) "
    "from found where found.destination is not null) "
    "select destination from found where destination is not null"
)

_DELETED = (
    "select coalesce(max(last_position), 0) from outgrow_archive where deleted_at is not null"
)


class Opening(NamedTuple):
    """When a service opened, in the machine's time, and where its journal ended then."""

    at: datetime
    end: int


class Journal:
    """
    The journal of a service of this process, as its readers see it: what is committed.

    What was read once is final: nothing can appear behind it. With one writer all that can be seen
    is; with several, what is up to the frontier.

    Attributes:
        opening: Where new handlers of processes begin that have begun before the service opened;
            None until it opens.
        replica: What of the service's common work is this process's.
    """

    def __init__(self, store: Store, outbox: Outbox, replica: Replica) -> None:
        self.replica = replica
        self._store = store
        self._outbox = outbox
        self._frontier = Frontier(store, outbox.wake_all)
        self.opening: Opening | None = None
        self.service = store.service

    @property
    def frontier(self) -> Frontier | None:
        """Up to where it is final, if it has several writers; a move of the store changes that."""
        return self._frontier if self._store.is_shared else None

    def statistics(self) -> dict[str, int] | None:
        """Of its frontier; None if it has one writer, and so needs none."""
        return None if self.frontier is None else self.frontier.statistics()

    async def note_opening(self) -> None:
        """The service opens now: what it records from now on is later than that."""
        self.opening = Opening(SystemClock().now(), await self.end())

    async def end(self) -> int:
        """The position of the last message that is final; 0 if there is none."""
        async with self._look() as (_, end):
            return end

    async def last(self) -> int:
        """The position of the last message that can be seen, also if it is not final yet."""
        async with self._store.read() as snapshot:
            ((last,),) = await snapshot.own(_END)
        return int(last)

    async def holds(self, message_id: str, position: int) -> bool:
        """Whether *message_id* is at *position*, final or not; or was, as far as can be known."""
        async with self._store.read() as snapshot:
            rows = await snapshot.own(_ID, (position,))
            ((deleted_up_to,),) = await snapshot.own(_DELETED)
        return rows == [(message_id,)] if rows else position <= deleted_up_to

    async def events(self, after: int, types: Collection[str], limit: int) -> Batch:
        """The next events of *types* behind *after*; at most *limit*. Perhaps none: look on."""
        marks = ", ".join("?" * len(types))
        select = (
            f"select {_COLUMNS} from outgrow_journal "  # noqa: S608 - marks only
            f"where position > ? and position <= ? and kind = 'event' and type in ({marks}) "
            "order by position limit ?"
        )
        async with self._look() as (snapshot, end):
            up_to = min(end, after + SCANNED_ROWS_MAX)
            if up_to <= after:
                return Batch([], after, is_last=True)
            rows = await snapshot.own(select, (after, up_to, *types, limit))
        messages = [Message(*row) for row in rows]
        if len(messages) == limit:
            up_to = messages[-1].position
        return Batch(messages, up_to, is_last=up_to == end)

    async def commands(self, after: int, destination: str, limit: int) -> Batch:
        """The next commands to *destination* behind *after*; at most *limit*."""
        async with self._look() as (snapshot, end):
            if end <= after:
                return Batch([], after, is_last=True)
            rows = await snapshot.own(_COMMANDS, (destination, after, end, limit))
        messages = [Message(*row) for row in rows]
        up_to = messages[-1].position if len(messages) == limit else end
        return Batch(messages, up_to, is_last=up_to == end)

    async def destinations(self) -> list[str]:
        """The services that commands were ever sent to."""
        async with self._store.read() as snapshot:
            return [row[0] for row in await snapshot.own(_DESTINATIONS)]

    async def deleted_up_to(self) -> int:
        """Up to where rows are in archives only; 0 if all are here."""
        async with self._store.read() as snapshot:
            ((position,),) = await snapshot.own(_DELETED)
        return int(position)

    @asynccontextmanager
    async def _look(self) -> AsyncIterator[tuple[Snapshot, int]]:
        """The rows, and up to where they are final."""
        frontier = self.frontier
        end = None if frontier is None else await frontier.reach()
        async with self._store.read() as snapshot:
            if end is None:
                ((end,),) = await snapshot.own(_END)
            yield snapshot, int(end)

    def watch(self, types: Collection[str], wake: Callable[[], object]) -> None:
        """Call *wake* after each commit that recorded one of *types*."""
        self._outbox.watch(types, wake)

    def watch_commands(self, destination: str, wake: Callable[[], object]) -> None:
        """Call *wake* after each commit that sends something to *destination*."""
        self._outbox.watch([destination], wake)
