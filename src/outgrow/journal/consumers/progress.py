"""How far a consumer has read, as its store keeps it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from outgrow.store import Snapshot, Store, Transaction

_LOAD = "select position from outgrow_cursor where consumer = ? and source = ?"
_START = (
    "insert into outgrow_cursor (consumer, source, position) values (?, ?, ?) "
    "on conflict (consumer, source) do nothing"
)
_SAVE = "update outgrow_cursor set position = ? where consumer = ? and source = ?"
_SHARES = "select partition, position from outgrow_share where consumer = ? and source = ?"
_SHARE = "insert into outgrow_share (consumer, source, partition, position) values "
_FURTHER = (
    " on conflict (consumer, source, partition) do update set position = excluded.position "
    "where outgrow_share.position < excluded.position"
)


class Read(NamedTuple):
    """
    What was read.

    Attributes:
        position: All up to here.
        floors: By partition, up to where it was read; perhaps further.
    """

    position: int
    floors: dict[int, int]


class Progress:
    """
    How far one consumer has read one source. A hint of where to look again, saved late.

    Where several processes share a consumer, each keeps that for the partitions that it handles,
    in outgrow_share; what is older stands in outgrow_cursor, for all of them.

    Args:
        is_divided: Whether processes share the consumer by partitions.
    """

    def __init__(self, name: str, source: str, store: Store, *, is_divided: bool) -> None:
        self._of = (name, source)
        self._store = store
        self._is_divided = is_divided

    async def begin(self, snapshot: Snapshot) -> bool:
        """Whether it has begun before."""
        return bool(await snapshot.own(_LOAD, self._of))

    async def start(self, tx: Transaction, position: int) -> None:
        """Begin at *position*, unless it has begun."""
        await tx.own(_START, (*self._of, position))

    async def load(self, snapshot: Snapshot, partitions: Collection[int]) -> Read:
        """How far *partitions* were read."""
        ((cursor,),) = await snapshot.own(_LOAD, self._of)
        shares: dict[int, int] = {}
        if self._is_divided:
            shares = dict(await snapshot.own(_SHARES, self._of))
        floors = {one: max(cursor, shares.get(one, 0)) for one in partitions}
        return Read(min(floors.values(), default=cursor), floors)

    async def save(self, tx: Transaction, position: int, partitions: Collection[int]) -> None:
        """All of *partitions* was read up to *position*, or further."""
        if not (self._is_divided and self._store.is_shared):
            await tx.own(_SAVE, (position, *self._of))
        elif partitions:
            rows = [(*self._of, one, position) for one in sorted(partitions)]
            marks = ", ".join(["(?, ?, ?, ?)"] * len(rows))
            await tx.own(f"{_SHARE}{marks}{_FURTHER}", tuple(v for row in rows for v in row))
