"""What all consumers of a journal have in common: a position, lines that wait, and a loop."""

from __future__ import annotations

import asyncio
import logging
import types
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Final

from outgrow import crash
from outgrow.clock import Timer
from outgrow.errors import CommitUnknown
from outgrow.journal.consumers.progress import Progress
from outgrow.journal.consumers.troubles import Troubles
from outgrow.journal.consumers.waiting import Line, OutOfStep, Waiting
from outgrow.journal.messages import Batch, partition_of
from outgrow.journal.replicas import EVERYTHING, Superseded
from outgrow.journal.schema import PARTITIONS
from outgrow.store import Snapshot, Store, Transaction

POLL_SECONDS: Final = 1.0
"""How often a consumer looks at its source without having been woken."""

SAVE_SECONDS: Final = 1.0
"""How old the saved cursor may be, while the consumer is at work or idle."""

RECOVER_SECONDS: Final = 1.0
"""The pause after the consumer's own store failed."""

RETRIES_PER_TURN: Final = 64

RELOAD_SECONDS: Final = 10.0
"""How old what is known of the store may be, where other processes change what waits there."""

LOST_IN_A_ROW_MAX: Final = 3
"""How often in a row a share may turn out to be another's, before a pause is made."""

Held = Callable[[], frozenset[int]]
"""The partitions that a consumer of this process handles now."""

Note = Callable[[Transaction], Awaitable[None]]

_log = logging.getLogger("outgrow.journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatistics:
    """
    How a consumer is doing.

    Attributes:
        consumer: ``service.method`` of a handler, or ``service -> service`` of sent commands.
        source: The service whose journal it reads.
        position: Up to where it has read.
        lag: How many positions its source is ahead; None if the source could not be asked.
        handled: Messages handled since the start of the process.
        attempts_failed: Attempts that failed since the start of the process.
        waiting: Messages that wait for a retry, or behind one that does.
        parked: Keys that wait for an operator; at most 100.
        parked_count: How many keys wait for an operator.
        partitions: How many of the source's partitions this process handles; of the others nothing
            is told here.
    """

    consumer: str
    source: str
    position: int
    lag: int | None
    handled: int
    attempts_failed: int
    waiting: int
    parked: tuple[str, ...]
    parked_count: int
    partitions: int = PARTITIONS


class Consumer(ABC):
    """
    Takes what one source recorded, in order, and keeps in its own store how far it has come.

    Lives as long as its process runs the service. One task runs it; nothing else advances it.

    The cursor is a hint of where to look again after a restart, saved late; what was handled is
    known from elsewhere. So a message may be read twice, and none is passed over.

    Args:
        name: The consumer's name in its store; another name is another consumer.
        source: The service whose journal it reads.
        store: The consumer's own.
        on_idle: Called whenever nothing is left to do until it is woken, or the clock moves.
        held: What of it is this process's; others that have the same store open handle the rest.
        is_divided: Whether they share it by partitions, and not as a whole.
    """

    def __init__(
        self,
        name: str,
        source: str,
        store: Store,
        on_idle: Callable[[], object],
        *,
        held: Held = lambda: EVERYTHING,
        is_divided: bool = False,
    ) -> None:
        self.name = name
        self.source = source
        self.service = store.service
        self.position = 0
        self.is_idle = False
        self.handled = 0
        self.attempts_failed = 0
        self.waiting = Waiting(name, source, store.clock)
        self._store = store
        self._clock = store.clock
        self._on_idle = on_idle
        self._held = held
        self._partitions: frozenset[int] = frozenset()
        self._floors: dict[int, int] = {}
        self._progress = Progress(name, source, store, is_divided=is_divided)
        self._loaded_at = 0.0
        self._reloads = 0
        self._lost_in_a_row = 0
        self._troubles = Troubles(name, source, store.clock)
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._is_loaded = False
        self._recovers_at: float | None = None
        self._saved = 0
        self._saved_at = self._clock.monotonic()

    async def open(self, ask_start: Callable[[], Awaitable[int]]) -> None:
        """
        Load where it stands; a new consumer begins at *ask_start*, and that is durable on return.

        Must be done before the source records what the consumer must not miss.
        """
        async with self._store.read() as snapshot:
            has_begun = await self._progress.begin(snapshot)
        if not has_begun:
            await self._store.transact(self._progress.start, await ask_start())
        await self._load()

    async def run(self) -> None:
        """Consume until `stop` is called; then what has begun is finished and the cursor saved."""
        while not self._is_stopping:
            self._woken.clear()
            try:
                if not self._is_up_to_date():
                    await self._load_again()
                is_done = await self._turn()
            except (OutOfStep, Superseded, CommitUnknown) as error:
                self._is_loaded = False
                if not self._store.is_shared:
                    self._troubles.tell(error)
                    await self._recover()
                else:
                    await self._give_way(error)
                continue
            except Exception as error:  # noqa: BLE001 - the relay is a border: what it cannot do now it tries again later
                self._troubles.tell(error)
                self._is_loaded = False
                await self._recover()
                continue
            self._lost_in_a_row = 0
            self._troubles.over()
            if is_done:
                self.is_idle = not self._woken.is_set()
                self._on_idle()
                await self._wait_until(self._next_look())
                self.is_idle = False
            else:
                await _let_others_run()
        if self._is_loaded:
            await self._save_cursor_at_last()

    @property
    def next_due(self) -> float | None:
        """When something is tried again, by the monotonic clock; None if nothing will be."""
        return self.waiting.next_due if self._recovers_at is None else self._recovers_at

    @property
    def is_due(self) -> bool:
        """Whether a retry is due."""
        due = self.next_due
        return due is not None and due <= self._clock.monotonic()

    def is_busy(self, end: int) -> bool:
        """Whether there is something to do before the clock moves, if its source ends at *end*."""
        if self._recovers_at is not None:
            return self.is_due
        if self._held() != self._partitions:
            return True
        if not self._partitions:
            return not self.is_idle
        return not self.is_idle or self.is_due or self.position < end

    @property
    def is_resting(self) -> bool:
        """Whether it does nothing until it is woken, or the clock moves."""
        return self.is_idle or self._recovers_at is not None

    def wake(self) -> None:
        """There may be something to do."""
        self.is_idle = False
        self._recovers_at = None
        self._woken.set()

    def stop(self) -> None:
        """Let `run` end after what it is doing now."""
        self._is_stopping = True
        self._woken.set()

    def waiting_keys(self, key: str | None) -> list[str]:
        """*key*, or all keys under which something waits if it is None."""
        return list(self.waiting.lines) if key is None else [key]

    async def replay(self, key: str, note: Note | None = None) -> int:
        """
        Try again what waits under *key*, as if it were new; how many messages that are.

        A message that was handled is never handled again.

        Args:
            note: Writes down in the same unit of work who decided that.
        """
        line = self.waiting.lines.get(key)
        if line is None:
            return await self._replay_elsewhere(key, note)
        await self._store.transact(self._replay, key, note)
        if self._is_loaded and self.waiting.lines.get(key) is line:
            self.waiting.replayed(line)
            self.wake()
        else:  # It is being loaded, perhaps as it was before.
            self.reload()
        return line.count

    def statistics(self, end: int | None) -> ConsumerStatistics:
        """How it is doing, if *end* is the last position of its source."""
        lag = None if end is None or not self._partitions else max(end - self.position, 0)
        return _statistics_of(self, lag, len(self._partitions))

    def reload(self) -> None:
        """Look into the store again, where somebody else has changed what waits."""
        self._is_loaded = False
        self._reloads += 1
        self.wake()

    async def _replay(self, tx: Transaction, key: str, note: Note | None) -> None:
        if note is not None:
            await note(tx)
        await self.waiting.write_replayed(tx, key)

    @abstractmethod
    def takes(self, kind: str, topic: str) -> bool:
        """Whether an event of the type *topic*, or a command for the service, is one for it."""

    @abstractmethod
    async def _fetch(self) -> Batch:
        """What comes next behind the position."""

    @abstractmethod
    async def _deliver(self, batch: Batch) -> None:
        """Handle *batch*, or let it wait; all of it is committed on return."""

    @abstractmethod
    async def _retry(self, lines: list[Line]) -> None:
        """Try the first message of each of *lines* again."""

    async def _replay_elsewhere(self, key: str, note: Note | None) -> int:
        """What waits for another process, which hears of the note, or sees it a little later."""
        if not self._store.is_shared:
            return 0
        async with self._store.read() as snapshot:
            count = await self.waiting.count(snapshot, key)
        if count:
            await self._store.transact(self._replay, key, note)
            self.reload()
        return count

    def _is_up_to_date(self) -> bool:
        """Whether what is known of the store holds, as far as one can tell without asking it."""
        if not self._is_loaded or self._held() != self._partitions:
            return False
        is_old = self._clock.monotonic() >= self._loaded_at + RELOAD_SECONDS
        return not (is_old and self._store.is_shared)

    async def _load_again(self) -> None:
        if self._is_loaded:
            # Whoever handles the rest from now on needs not read it again.
            await self._save_cursor_at_last()
        await self._load()

    async def _load(self) -> None:
        """Learn from the store where it stands."""
        reloads, self._is_loaded = self._reloads, False
        self._partitions = self._held()
        async with self._store.read() as snapshot:
            self.position, self._floors = await self._progress.load(snapshot, self._partitions)
            await self.waiting.load(snapshot, self._is_here)
            await self._load_more(snapshot)
        self._saved = self.position
        self._loaded_at = self._clock.monotonic()
        self._is_loaded = reloads == self._reloads

    @abstractmethod
    async def _load_more(self, snapshot: Snapshot) -> None:
        """Learn from the same snapshot what else there is to know."""

    def _is_here(self, line: str) -> bool:
        """Whether what waits in *line* is this process's to handle."""
        return partition_of(line) in self._partitions

    async def _give_way(self, error: Exception) -> None:
        """Another process may have done or have what this one wanted to do: look again at once."""
        _log.debug("%s: %s is looked at again: %s", self.name, self.source, error)
        self._lost_in_a_row += 1
        if self._lost_in_a_row > LOST_IN_A_ROW_MAX:
            await self._recover()

    async def _turn(self) -> bool:
        """Do some of what there is to do; whether that was all."""
        if not self._partitions:
            return True
        await self._retry(self.waiting.take_due(RETRIES_PER_TURN))
        batch = await self._fetch()
        crash.at("journal.after_fetch")
        if batch.messages:
            await self._deliver(batch)
            crash.at("journal.after_delivery")
        self.position = batch.position
        if self._clock.monotonic() >= self._saved_at + SAVE_SECONDS:
            await self._save_cursor()
        return batch.is_last and not self.is_due

    async def _recover(self) -> None:
        """Pause after a failure; whoever wakes it ends the pause."""
        until = self._clock.monotonic() + RECOVER_SECONDS
        if not self._woken.is_set():
            self._recovers_at = until
            self._on_idle()
        await self._wait_until(until)

    async def _save_cursor_at_last(self) -> None:
        try:
            await self._save_cursor()
        except Superseded:
            pass  # Who leads now reads it again.
        except Exception:  # noqa: BLE001 - the relay is a border: what it did is kept, and read again
            _log.exception("%s: how far %s was read was not saved", self.name, self.source)

    async def _save_cursor(self) -> None:
        self._saved_at = self._clock.monotonic()
        if self._saved == self.position:
            return
        crash.at("journal.before_cursor")
        await self._store.transact(self._save, self.position)
        crash.at("journal.after_cursor")
        self._saved = self.position

    async def _save(self, tx: Transaction, position: int) -> None:
        await self._progress.save(tx, position, self._partitions)

    def _next_look(self) -> float:
        """When to look again without being woken, by the monotonic clock."""
        look = self._clock.monotonic() + POLL_SECONDS
        due = self.next_due
        return look if due is None else min(look, due)

    async def _wait_until(self, when: float) -> None:
        timer: Timer = self._clock.call_at(when, self.wake)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()


@types.coroutine
def _let_others_run() -> Generator[None, None, None]:
    """Come again in the next turn of the loop: who finds nothing to handle waits for nothing."""
    yield


def _statistics_of(consumer: Consumer, lag: int | None, partitions: int) -> ConsumerStatistics:
    lines = consumer.waiting.lines.values()
    parked = [line.key for line in lines if line.is_parked]
    return ConsumerStatistics(
        consumer=consumer.name,
        source=consumer.source,
        position=consumer.position,
        lag=lag,
        handled=consumer.handled,
        attempts_failed=consumer.attempts_failed,
        waiting=sum(line.count for line in lines),
        parked=tuple(sorted(parked)[:100]),
        parked_count=len(parked),
        partitions=partitions,
    )
