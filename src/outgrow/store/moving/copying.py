"""Copying the tables of one end to the other, and comparing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from outgrow import crash
from outgrow.errors import MoveFailed, MoveRefused
from outgrow.store.moving.end import JOURNAL, End, Given, Table
from outgrow.store.moving.state import TableMoved
from outgrow.store.moving.values import ANY, BETWEEN_DATABASES, Sum

ROUNDS_AHEAD_MAX: Final = 3
ROWS_LEFT: Final = 1_000
"""Of the journal, few enough that no further round ahead is worth it."""

ROWS_UNSETTLED: Final = 2_000
"""The newest rows of a journal whose positions may still be committed out of order."""

Progress = Callable[[str, int, int], object]
"""Told what is copied or compared, how many rows are done, and how many there are."""


class Pair(NamedTuple):
    """
    A table as both ends have it.

    Attributes:
        kinds: Of the columns, in the order of both lists.
    """

    source: Table
    target: Table
    source_columns: list[str]
    target_columns: list[str]
    kinds: list[str]

    @property
    def is_counted(self) -> bool:
        """Whether both ends count its rows up by themselves."""
        return self.source.counter is not None and self.target.counter is not None


async def pair_tables(source: End, target: End) -> list[Pair]:
    """
    The tables to copy.

    Raises:
        MoveRefused: The target lacks a table or a column.
    """
    there = {table.name.lower(): table for table in await target.tables()}
    pairs: list[Pair] = []
    lacking = await _lacking_sequences(source, target)
    for table in await source.tables():
        other = there.get(table.name.lower())
        if other is None:
            lacking.append(f"table {table.name!r}")
            continue
        names = {name.lower(): name for name in other.columns}
        lacking += [f"{table.name}.{name}" for name in table.columns if name.lower() not in names]
        columns = [name for name in table.columns if name.lower() in names]
        targets = [names[name.lower()] for name in columns]
        kinds = [
            table.columns[here] if other.columns[name] == ANY else other.columns[name]
            for here, name in zip(columns, targets, strict=True)
        ]
        pairs.append(_exact(Pair(table, other, columns, targets, kinds)))
    if lacking:
        message = (
            f"it lacks {', '.join(lacking)}. What the migrations make must be the same on both: "
            "see the files 0001_name.sql and 0001_name.postgresql.sql."
        )
        raise MoveRefused(target.place, message)
    return pairs


async def _lacking_sequences(source: End, target: End) -> list[str]:
    """Sequences of the source's that a target with sequences has not."""
    there = await target.sequences()
    return [
        f"sequence {name!r}" for name in await source.sequences() if there and name not in there
    ]


def _exact(pair: Pair) -> Pair:
    """*pair*, with such columns as texts that both ends keep alike and SQLite would not."""
    here, there, kinds = dict(pair.source.columns), dict(pair.target.columns), list(pair.kinds)
    columns = zip(pair.source_columns, pair.target_columns, strict=True)
    for index, (ours, theirs) in enumerate(columns):
        kind = BETWEEN_DATABASES.get(here[ours])
        if kind is not None and here[ours] == there[theirs]:
            here[ours] = there[theirs] = kinds[index] = kind
    return pair._replace(
        source=pair.source._replace(columns=here),
        target=pair.target._replace(columns=there),
        kinds=kinds,
    )


class _Copy:
    """
    How far the copy of one table is.

    Attributes:
        here: Count and checksum of the rows that were read from the source.
        there: Of those that were read back from the target.
        first: The least number that the source had given when it was looked at last.
        last: Up to which number of its counter it is copied and compared.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.here, self.there = Sum(pair.kinds), Sum(pair.kinds)
        self.first = self.last = 0


class Copying:
    """
    Copies from *source* to *target*; the tables of the target but the journal are empty before.

    Attributes:
        rows_ahead: Rows of the journal that were copied before the source was held.
        done: The tables that were copied and compared.
    """

    def __init__(self, source: End, target: End, pairs: list[Pair], progress: Progress) -> None:
        self._source = source
        self._target = target
        self._pairs = pairs
        self._progress = progress
        self._ahead: _Copy | None = None
        self.rows_ahead = 0
        self.done: list[TableMoved] = []

    async def copy_ahead(self) -> None:
        """
        Copy and compare the journal as far as it goes now; it only grows.

        What an earlier attempt has copied is compared, and kept if it is right.
        """
        pair = next((pair for pair in self._pairs if pair.source.name == JOURNAL), None)
        if pair is None or not pair.is_counted:
            return
        self._ahead = copy = await self._resume(pair)
        for _ in range(ROUNDS_AHEAD_MAX):
            copy.first, last = await self._source.bounds(pair.source)
            last -= 0 if self._source.is_ordered else ROWS_UNSETTLED
            if last - copy.last <= ROWS_LEFT and copy.last:
                break
            await self._append(copy, max(last, 0))
        self.rows_ahead = copy.here.count

    async def copy_all(self) -> None:
        """
        Copy and compare all that is left; the source is held.

        Raises:
            MoveFailed: What is there is not what was sent.
        """
        for pair in self._pairs:
            if self._ahead is not None and self._ahead.pair is pair:
                copy = await self._copy_rest(self._ahead)
            else:
                copy = _Copy(pair)
                await self._target.remove(pair.target)
                await self._append(copy, None)
            name, rows, checksum = pair.source.name, copy.here.count, copy.here.checksum
            self.done.append(TableMoved(name=name, rows=rows, checksum=checksum))
            crash.at("move.table_copied")
        crash.at("move.copied")

    async def counted(self) -> dict[str, int]:
        """By the target's name of each table the greatest number that its counter ever had."""
        return {
            pair.target.name: await self._source.counted(pair.source)
            for pair in self._pairs
            if pair.is_counted
        }

    async def sequences(self) -> dict[str, Given]:
        """How far the sequences of the source are."""
        return await self._source.sequences()

    async def _resume(self, pair: Pair) -> _Copy:
        """Take over what the target has of the journal already, if it is right."""
        copy = _Copy(pair)
        _, last = await self._target.bounds(pair.target)
        _, end = await self._source.bounds(pair.source)
        if 0 < last <= end:
            async for rows in self._source.rows(pair.source, pair.source_columns, (0, last)):
                copy.here.add(rows)
            await self._read_back(copy, (0, last))
            if copy.here == copy.there and copy.here.count:
                copy.last = last
                return copy
        await self._target.remove(pair.target)
        return _Copy(pair)

    async def _copy_rest(self, copy: _Copy) -> _Copy:
        """Copy what came since, after a look whether what was copied ahead still stands."""
        pair = copy.pair
        first, last = await self._source.bounds(pair.source)
        if copy.last and first > copy.first:
            await self._forget(copy, first - 1)
        in_source = await self._source.count(pair.source)
        behind = await self._source.count(pair.source, copy.last)
        if in_source - behind != copy.here.count:
            # A unit of work that drew its position before has committed it since.
            copy = _Copy(pair)
            await self._target.remove(pair.target)
        await self._append(copy, last)
        return copy

    async def _forget(self, copy: _Copy, up_to: int) -> None:
        """Let go of what the source has pruned meanwhile."""
        pair, gone = copy.pair, Sum(copy.pair.kinds)
        async for rows in self._target.rows(pair.target, pair.target_columns, (0, up_to)):
            gone.add(rows)
        copy.here.take_away(gone)
        copy.there.take_away(gone)
        await self._target.remove(pair.target, up_to)

    async def _append(self, copy: _Copy, last: int | None) -> None:
        """Copy what is behind what was copied, up to *last*, and compare it."""
        pair = copy.pair
        bounds = None if last is None else (copy.last, last)
        total = await self._source.count(pair.source)
        async for rows in self._source.rows(pair.source, pair.source_columns, bounds):
            copy.here.add(rows)
            await self._target.write(pair.target, pair.target_columns, rows)
            crash.at("move.batch_copied")
            self._progress(f"copy {pair.source.name}", copy.here.count, total)
        await self._read_back(copy, bounds)
        copy.last = last or 0
        self._compare(copy)

    async def _read_back(self, copy: _Copy, bounds: tuple[int, int] | None) -> None:
        pair = copy.pair
        async for rows in self._target.rows(pair.target, pair.target_columns, bounds):
            copy.there.add(rows)
            self._progress(f"compare {pair.source.name}", copy.there.count, copy.here.count)

    def _compare(self, copy: _Copy) -> None:
        here, there = copy.here, copy.there
        if here != there:
            message = (
                f"table {copy.pair.source.name!r} has {here.count} rows with checksum "
                f"{here.checksum} in {self._source.place}, and {there.count} with "
                f"{there.checksum} in the copy. Nothing was switched, and the old store goes on. "
                "Ask for the same move again; if it says the same, something else writes there, or "
                "a column cannot keep its values."
            )
            raise MoveFailed(self._target.place, message)
