"""Up to where a journal is final, if several transactions write it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from outgrow.clock import SystemClock, Timer
from outgrow.store import Snapshot, Store

WALKED_ROWS_MAX: Final = 10_000
"""How many rows of the journal are looked at with one question; there are as many as it takes."""

SAMPLES_MAX: Final = 16
"""How many notes are kept of who may still fill gaps up to where."""

LOOK_AGAIN_SECONDS: Final = 0.001
"""The pause before a gap is looked at again; it doubles as long as nothing moves."""

LOOK_AGAIN_SECONDS_MAX: Final = 0.05
"""The longest such pause."""

_LOWEST = (
    "select coalesce(max(f.position), 0) from ("
    "select position from outgrow_cursor where source = ? "
    "union all select position from outgrow_share where source = ? "
    "union all select position from outgrow_highwater where source = ? "
    "union all select last_position from outgrow_archive) f"
)
"""Up to where some process has found it final: nobody reads or archives what is not."""

_ISLANDS = (
    "select min(i.position), max(i.position) from ("
    "select n.position, n.position - row_number() over (order by n.position) as island from ("
    "select position from outgrow_journal where position > ? order by position limit ?) n) i "
    "group by i.island order by 1"
)
_END = "select coalesce(max(position), 0) from outgrow_journal"
_HOLDERS = (
    "select virtualtransaction from pg_locks where locktype = 'relation' "
    "and database = (select oid from pg_database where datname = current_database()) "
    "and relation = 'outgrow_journal'::regclass and mode = 'RowExclusiveLock' and granted"
)

_PREPARED = "-1/"
"""How the names of prepared transactions begin: of whichever transaction each was before."""


class Frontier:
    """
    The position below which no row of a journal in PostgreSQL can appear any more.

    A transaction draws its positions before it commits, so a row may appear behind one that was
    read already. What is contiguous is final at once. A gap may be filled only by a transaction
    that held the table's lock when a row above the gap was visible: whoever inserts takes that lock
    first, then draws, and lets go when the row can be seen. So once all who held it then have let
    go, what is still missing was rolled back, and is passed over for good. No time is part of it.

    Lives as long as its journal. Must be asked of the primary server.

    Args:
        wake: Called when a gap should be looked at again: its readers must ask anew.

    Attributes:
        position: All up to here is final.
    """

    def __init__(self, store: Store, wake: Callable[[], object]) -> None:
        self._store = store
        self._wake = wake
        self._clock = SystemClock()
        self._lock = asyncio.Lock()
        self._begun = 0
        self._fresh = 0
        self._is_begun = False
        self._samples: list[tuple[int, set[str]]] = []
        self._timer: Timer | None = None
        self._pause = LOOK_AGAIN_SECONDS
        self.position = 0
        self._waits = 0
        self._skips = 0

    @property
    def is_waiting(self) -> bool:
        """Whether there is a gap that somebody may still fill."""
        return bool(self._samples)

    async def reach(self) -> int:
        """Up to where the journal is final now: all that was committed in order before the call."""
        asked = self._begun
        async with self._lock:
            # Whoever came while another look was under way shares the next one.
            if self._fresh <= asked:
                self._begun += 1
                begun = self._begun
                await self._look()
                self._fresh = begun
        return self.position

    def statistics(self) -> dict[str, int]:
        """Where it is, and counts since the start."""
        return {
            "position": self.position,
            "is_waiting": int(self.is_waiting),
            "gaps_waited": self._waits,
            "gaps_passed": self._skips,
        }

    async def _look(self) -> None:
        before = self.position
        if self._samples:
            await self._see_who_is_left()
        async with self._store.read() as snapshot:
            if not self._is_begun:
                ((lowest,),) = await snapshot.own(_LOWEST, (self._store.service,) * 3)
                self.position, self._is_begun = int(lowest), True
            is_complete = await self._walk(snapshot)
            self._forget_samples()
            if not is_complete and len(self._samples) < SAMPLES_MAX:
                await self._sample(snapshot)
        self._pass_over()
        if self._samples:
            self._look_again_later(has_moved=self.position > before)

    async def _walk(self, snapshot: Snapshot) -> bool:
        """Go on over what is contiguous; whether that was all there is."""
        while True:
            islands = await snapshot.own(_ISLANDS, (self.position, WALKED_ROWS_MAX))
            if not islands:
                return True
            (first, last), *behind_gaps = islands
            if first != self.position + 1:
                return False
            self.position = last
            if behind_gaps:
                return False
            if last - first + 1 < WALKED_ROWS_MAX:
                return True

    async def _sample(self, snapshot: Snapshot) -> None:
        """Note who may still fill gaps below the last row that *snapshot* sees; none is to come."""
        ((judged,),) = await snapshot.own(_END)
        if not self._samples or judged > self._samples[-1][0]:
            holders = {name for (name,) in await snapshot.own(_HOLDERS)}
            self._waits += bool(holders)
            self._samples.append((judged, holders))

    async def _see_who_is_left(self) -> None:
        # On its own: rows are read in a later snapshot, which sees what who has left committed.
        async with self._store.read() as snapshot:
            present = {name for (name,) in await snapshot.own(_HOLDERS)}
        prepared = {name for name in present if name.startswith(_PREPARED)}
        self._samples = [(end, holders & present | prepared) for end, holders in self._samples]
        self._pass_over()

    def _pass_over(self) -> None:
        """Where nobody is left who could fill them, there are no gaps up to what was judged."""
        for judged, holders in self._samples:
            if not holders and judged > self.position:
                self._skips += 1
                self.position = judged
        self._forget_samples()

    def _forget_samples(self) -> None:
        self._samples = [sample for sample in self._samples if sample[0] > self.position]

    def _look_again_later(self, *, has_moved: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if has_moved:
            self._pause = LOOK_AGAIN_SECONDS
        when = self._clock.monotonic() + self._pause
        self._timer = self._clock.call_at(when, self._wake)
        self._pause = min(self._pause * 2, LOOK_AGAIN_SECONDS_MAX)
