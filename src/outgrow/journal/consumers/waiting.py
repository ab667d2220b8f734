"""Messages that could not be handled yet: lines of equal keys, retries, and parking."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec

from outgrow.clock import Clock
from outgrow.errors import InternalError
from outgrow.journal.messages import Message, time_of, time_text
from outgrow.store import Snapshot, Transaction

ATTEMPTS_MAX: Final = 8
"""How often a message is tried before its key is parked."""

PAUSE_SECONDS: Final = 0.5
"""The pause after the first attempt; it doubles after each."""

PAUSE_SECONDS_MAX: Final = 60.0
"""The longest pause."""

ERROR_CHARACTERS_MAX: Final = 2_000

_LOAD = (
    "select key, count(*), min(position) from outgrow_waiting "
    "where consumer = ? and source = ? group by key"
)
_COUNT = "select count(*) from outgrow_waiting where consumer = ? and source = ? and key = ?"
_HEADS = (
    "select w.key, w.state, w.attempts, w.due_at from outgrow_waiting w join ("
    "select consumer, source, key, min(position) as position from outgrow_waiting "
    "where consumer = ? and source = ? group by consumer, source, key) h "
    "on w.consumer = h.consumer and w.source = h.source and w.key = h.key "
    "and w.position = h.position"
)
_HEAD = (
    "select message from outgrow_waiting where consumer = ? and source = ? and key = ? "
    "order by position limit 1"
)
_ADD = (
    "insert into outgrow_waiting (consumer, source, key, position, state, attempts, due_at, error, "
    "waiting_since, message) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FAIL = (
    "update outgrow_waiting set state = ?, attempts = ?, due_at = ?, error = ? "
    "where consumer = ? and source = ? and key = ? and position = ? returning position"
)
_REMOVE = (
    "delete from outgrow_waiting where consumer = ? and source = ? and key = ? and position = ? "
    "returning position"
)
_REPLAY = (
    "update outgrow_waiting set state = 'retrying', attempts = 0, due_at = ? "
    "where consumer = ? and source = ? and key = ? and position = (select min(position) "
    "from outgrow_waiting where consumer = ? and source = ? and key = ?)"
)


class OutOfStep(InternalError):
    """What is known in memory is not what the store holds; it must be loaded again."""


class Verdict(msgspec.Struct, frozen=True):
    """
    What becomes of a message after an attempt that failed.

    Attributes:
        attempts: How often it was tried by now.
        pause_seconds: Until the next attempt; None if its key is parked.
        error: What happened.
    """

    attempts: int
    pause_seconds: float | None
    error: str


def judge(error: Exception, attempts: int, *, is_patient: bool = False) -> Verdict:
    """
    The verdict on a message whose attempt number *attempts* ended with *error*.

    Args:
        is_patient: The error says nothing about the message, so it is tried without end.
    """
    kind = type(error)
    text = keepable(f"{kind.__module__}.{kind.__qualname__}: {error}")[:ERROR_CHARACTERS_MAX]
    if attempts >= ATTEMPTS_MAX and not is_patient:
        return Verdict(attempts, None, text)
    pause = min(PAUSE_SECONDS * 2 ** min(attempts - 1, 16), PAUSE_SECONDS_MAX)
    return Verdict(attempts, pause, text)


def keepable(text: str) -> str:
    """*text* as every store can keep it: what is no character is written as what it is."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


class Line:
    """
    Messages with one key, in order; only the first is tried.

    Attributes:
        key: The key; the id of the message if it has none.
        count: How many wait.
        attempts: How often the first was tried.
        due: When the first is tried again, by the monotonic clock; infinite if it is parked.
        is_forced: Whether an operator asked for it.
        ticket: Tells its valid place in the queue of what is due from its former ones.
    """

    __slots__ = ("attempts", "count", "due", "is_forced", "key", "ticket")

    def __init__(self, key: str, count: int, attempts: int, due: float) -> None:
        self.key = key
        self.count = count
        self.attempts = attempts
        self.due = due
        self.is_forced = False
        self.ticket = 0

    @property
    def is_parked(self) -> bool:
        """Whether nothing happens to it without an operator."""
        return math.isinf(self.due)


class Waiting:
    """
    The messages of one source that wait for one consumer: in the consumer's store, and their lines
    in memory.

    What begins with ``write_`` runs in a unit of work. Its twin tells the memory, once the unit has
    run. If the commit fails after all, everything is loaded again.
    """

    def __init__(self, consumer: str, source: str, clock: Clock) -> None:
        self._of = (consumer, source)
        self._clock = clock
        self.lines: dict[str, Line] = {}
        self._due: list[tuple[float, int, str]] = []
        self._tickets = itertools.count(1)

    async def load(self, snapshot: Snapshot, is_here: Callable[[str], bool]) -> None:
        """Learn what waits in the lines that *is_here* says are to be handled here."""
        counts = {key: count for key, count, _ in await snapshot.own(_LOAD, self._of)}
        self.lines.clear()
        self._due.clear()
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for key, state, attempts, due_at in await snapshot.own(_HEADS, self._of):
            if not is_here(key):
                continue
            due = monotonic
            if state == "parked":
                due = math.inf
            elif due_at is not None:
                due += (time_of(due_at) - now).total_seconds()
            line = Line(key, counts[key], attempts, due)
            # Only who replays it lets it have no attempts; perhaps another process.
            line.is_forced = state == "retrying" and attempts == 0
            self._put(line)

    def line_of(self, message: Message) -> str:
        """Under which key *message* waits, or will; others may since before keys were limited."""
        line, key = message.line, message.key
        return key if key is not None and line not in self.lines and key in self.lines else line

    async def count(self, snapshot: Snapshot, key: str) -> int:
        """How many messages wait under *key*, wherever they are handled."""
        ((count,),) = await snapshot.own(_COUNT, (*self._of, key))
        return int(count)

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, by the monotonic clock; None if none will be."""
        while self._due:
            due, ticket, key = self._due[0]
            line = self.lines.get(key)
            if line is not None and line.ticket == ticket:
                return due
            heapq.heappop(self._due)
        return None

    def take_due(self, limit: int) -> list[Line]:
        """The lines whose first message is due, at most *limit*; longest due first."""
        lines: list[Line] = []
        now = self._clock.monotonic()
        while len(lines) < limit and (due := self.next_due) is not None and due <= now:
            lines.append(self.lines[heapq.heappop(self._due)[2]])
        return lines

    async def head(self, snapshot: Snapshot, line: Line) -> Message:
        """The first message of *line*."""
        rows = await snapshot.own(_HEAD, (*self._of, line.key))
        if not rows:
            raise OutOfStep(f"{self._of}: nothing waits under key {line.key!r}")
        return msgspec.json.decode(rows[0][0], type=Message)

    async def write_added(self, tx: Transaction, message: Message, verdict: Verdict | None) -> None:
        """Let *message* wait: as the first after an attempt, or without one behind others."""
        text = msgspec.json.encode(message).decode()
        since = time_text(self._clock.now())
        state, attempts, due_at, error = self._row(verdict)
        row = (self.line_of(message), message.position, state, attempts, due_at, error, since, text)
        await tx.own(_ADD, (*self._of, *row))

    def added(self, message: Message, verdict: Verdict | None) -> None:
        """*message* waits."""
        key = self.line_of(message)
        line = self.lines.get(key)
        if line is not None:
            line.count += 1
        elif verdict is not None:
            self._put(Line(key, 1, verdict.attempts, self._due_after(verdict)))

    async def write_failed(self, tx: Transaction, message: Message, verdict: Verdict) -> None:
        """The first message of a line was tried again in vain."""
        where = (*self._of, self.line_of(message), message.position)
        if not await tx.own(_FAIL, (*self._row(verdict), *where)):
            raise OutOfStep(f"{where}: does not wait any more")

    def failed(self, line: Line, verdict: Verdict) -> None:
        """The first message of *line* waits on."""
        line.attempts = verdict.attempts
        line.due = self._due_after(verdict)
        line.is_forced = False
        self._put(line)

    async def write_removed(self, tx: Transaction, message: Message) -> None:
        """The first message of a line was handled, in this unit or before it."""
        where = (*self._of, self.line_of(message), message.position)
        if not await tx.own(_REMOVE, where):
            raise OutOfStep(f"{where}: does not wait any more")

    def removed(self, line: Line) -> None:
        """The first message of *line* is gone; the next is due at once."""
        line.count -= 1
        if line.count == 0:
            del self.lines[line.key]
            return
        line.attempts, line.due, line.is_forced = 0, self._clock.monotonic(), False
        self._put(line)

    async def write_replayed(self, tx: Transaction, key: str) -> None:
        """The first message under *key* is as good as new."""
        now = time_text(self._clock.now())
        await tx.own(_REPLAY, (now, *self._of, key, *self._of, key))

    def replayed(self, line: Line) -> None:
        """The first message of *line* is due now."""
        line.attempts, line.due, line.is_forced = 0, self._clock.monotonic(), True
        self._put(line)

    def _put(self, line: Line) -> None:
        self.lines[line.key] = line
        line.ticket = next(self._tickets)
        if not line.is_parked:
            heapq.heappush(self._due, (line.due, line.ticket, line.key))

    def _due_after(self, verdict: Verdict) -> float:
        if verdict.pause_seconds is None:
            return math.inf
        return self._clock.monotonic() + verdict.pause_seconds

    def _row(self, verdict: Verdict | None) -> tuple[str, int, str | None, str | None]:
        """State, attempts, due_at and error."""
        if verdict is None:
            return "queued", 0, None, None
        if verdict.pause_seconds is None:
            return "parked", verdict.attempts, None, verdict.error
        due = self._clock.now() + timedelta(seconds=verdict.pause_seconds)
        return "retrying", verdict.attempts, time_text(due), verdict.error
