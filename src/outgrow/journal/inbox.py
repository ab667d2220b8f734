"""Which commands a service has replied to, and what it replied."""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from outgrow import crash
from outgrow.calls import MISSING, as_declared
from outgrow.clock import Clock
from outgrow.context import Caller, Context
from outgrow.contracts import (
    Method,
    Problem,
    decode_problem,
    encode_problem,
    problem_type,
)
from outgrow.errors import (
    AlreadyUndone,
    CallRefused,
    CommitUnknown,
    EventUnreadable,
    KeyReused,
    StillRunning,
    TransactionClosed,
    WaitedInTransaction,
)
from outgrow.journal.bodies import Codec, codec_of
from outgrow.journal.messages import time_text
from outgrow.store import Snapshot, Store, Transaction

KEEP_SECONDS: Final = 24 * 60 * 60
"""How long a reply is remembered at least, unless there are more than `ROWS_MAX`."""

ROWS_MAX: Final = 1_000_000
"""How many replies a service remembers; beyond, the oldest are forgotten early."""

RECOUNT_SHARE: Final = 0.01
"""How many positions, as a part of the limit, are drawn in PostgreSQL before rows are counted."""

UNKNOWN_COMMITS_MAX: Final = 3
"""How often a command is run again because its commit was cut off; then its caller is told."""

PRUNE_ROWS: Final = 256
"""How many are forgotten in one unit of work, so that nobody waits for it."""

UNDONE: Final = "undone"
"""The state of a key whose step was undone before it came."""

NOTHING: Final = "nothing"
"""The state of the key of an undo that found nothing to undo."""

SAGA: Final = "saga"
"""The state of the key of a saga that was called as a step and goes on; its reply is its id."""

_FIND = (
    "select arguments_hash, state, reply from outgrow_inbox "
    "where method = ? and caller = ? and key = ?"
)
_INSERT = (
    "insert into outgrow_inbox (method, caller, key, arguments_hash, state, reply, expires_at) "
    "values (?, ?, ?, ?, ?, ?, ?) on conflict (method, caller, key) do nothing returning position"
)
_END_SAGA = (
    "update outgrow_inbox set state = ? where method = ? and caller = ? and key = ? and state = ? "
    "returning position"
)
_OLDEST = (
    "select position, expires_at, (select max(position) from outgrow_inbox) "
    "from outgrow_inbox order by position limit 1"
)
_COUNT = "select count(*) from outgrow_inbox"
_NEWEST = "select position from outgrow_inbox order by position desc limit 1 offset ?"
_PRUNE = (
    "delete from outgrow_inbox where position < ? and (position < ? or expires_at <= ?) "
    "returning position"
)


Check = Callable[[Transaction], Awaitable[None]]
"""Raises if the unit may not commit."""


class Replies:
    """
    The replies of one method as text and back.

    Attributes:
        problems: The problems that are among its replies; anything else that it raises is not
            remembered.
    """

    def __init__(self, name: str, hint: Any, problems: dict[str, type[Problem]]) -> None:
        self.problems = tuple(problems.values())
        self._name = name
        self._types = problems
        self._hint = hint
        self._codec: Codec | None = None

    def encode(self, outcome: Any) -> tuple[str, str]:
        """
        State and text of a value or a problem.

        Raises:
            NotFinite: A float in it is infinite or no number, so a repeat would not get it again.
            TypeError: It is not what the signature says, so a repeat could not be given it.
        """
        if isinstance(outcome, self.problems):
            problem = as_declared(outcome, self.problems)
            name, fields = problem_type(type(problem)), encode_problem(problem)
            kept = {"type": name, "fields": msgspec.Raw(fields)}
            return "problem", msgspec.json.encode(kept).decode()
        text = self._own_codec.encode(outcome)
        try:
            self._own_codec.decode(text)
        except msgspec.ValidationError as error:
            raise TypeError(f"{self._name}: its reply is no {self._hint}: {error}") from error
        return "reply", text.decode()

    def decode(self, state: str, text: str) -> Any:
        """
        The value or the problem, which is returned and not raised.

        Raises:
            EventUnreadable: It was kept by an older version, and does not fit the method any more.
        """
        try:
            if state == "reply":
                return self._own_codec.decode(text)
            kept = msgspec.json.decode(text, type=_KeptProblem)
            return decode_problem(self._types[kept.type], bytes(kept.fields))
        except (msgspec.DecodeError, KeyError) as error:
            raise EventUnreadable(
                f"{self._name}: the reply that is kept for a repeat does not fit the method any "
                f"more: {error}. Keep what a method replies readable for a day after a change."
            ) from error

    @property
    def _own_codec(self) -> Codec:
        if self._codec is None:
            self._codec = codec_of(self._hint, None, f"{self._name}: reply")
        return self._codec


class _KeptProblem(msgspec.Struct):
    type: str
    fields: msgspec.Raw


class Keyed(msgspec.Struct, frozen=True):
    """
    One command under one key: whom a row of the inbox belongs to.

    Attributes:
        method: ``service.method``.
        caller: Kind and subject of the caller; another caller's key is another key.
        key: What the caller gave, or what was derived from it.
        arguments_hash: Tells a repeat from another command under the same key.
    """

    method: str
    caller: str
    key: str
    arguments_hash: str

    @classmethod
    def of(cls, method: str, caller: Caller, key: str, arguments_hash: bytes) -> Keyed:
        """The command *method* of *caller* under *key*."""
        return cls(method, f"{caller.kind}:{caller.subject}", key, arguments_hash.hex())


async def run_once(
    store: Store,
    keyed: Keyed,
    replies: Replies,
    unit: Callable[[Transaction], Awaitable[Any]],
    undoes: str = "",
    *,
    may_be_late: bool = False,
) -> Any:
    """
    Run *unit* and remember its reply, in one transaction; or answer what is remembered.

    The effect comes first and the key last, so that a first run asks nothing. If the key is there
    already, the effect is undone.

    Args:
        undoes: Method and key of the step of a saga that *unit* undoes. If that had no effect,
            *unit* is not run, and the step can have none any more.
        may_be_late: Whether that step could have an effect all the same, as it notes its key last.

    Raises:
        Problem: It is the reply.
        KeyReused: The key was used with other arguments.
        AlreadyUndone: It is a step of a saga, and comes after its undo.
        CallRefused: It is an undo, and the step could come after it.
        Exception: What else *unit* raised; nothing is remembered then.
    """

    async def once(tx: Transaction) -> Any:
        if undoes and not await had_effect(tx, store.clock, keyed, undoes):
            if may_be_late:
                do = undoes.partition(" ")[0]
                raise CallRefused(
                    keyed.method,
                    f"nobody knows whether {do} arrived, which it undoes: a plain command notes "
                    f"its key last, and may be under way. Mark {do} @transactional or @saga.",
                )
            expires_at = _expiry(store.clock, KEEP_SECONDS)
            await tx.own(_INSERT, (*_row(keyed), NOTHING, "null", expires_at))
            return None
        try:
            outcome = await unit(tx)
        except (WaitedInTransaction, TransactionClosed):
            raise  # The unit is lost; there is no going on in it.
        except Exception as error:
            # What a repeat runs into may well be the effect of the first run.
            await tx.undo()
            remembered = await _find(tx, keyed, replies)
            if remembered is not MISSING:
                return remembered
            if not isinstance(error, replies.problems):
                raise
            outcome = as_declared(error, replies.problems)
        crash.at("inbox.before_key")
        expires_at = _expiry(store.clock, KEEP_SECONDS)
        if await _insert(tx, keyed, replies, outcome, expires_at):
            return outcome
        await tx.undo()
        return await _find(tx, keyed, replies)

    outcome = await _transact_until_known(store, once)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


async def had_effect(tx: Transaction, clock: Clock, undo: Keyed, undoes: str) -> bool:
    """
    Whether a step of a saga, told by method and key, had an effect; if not, it has none any more.

    Raises:
        StillRunning: The step is a saga itself, and goes on.
    """
    method, _, key = undoes.partition(" ")
    place = (method, undo.caller, key)
    expires_at = _expiry(clock, KEEP_SECONDS)
    if await tx.own(_INSERT, (*place, "", UNDONE, "null", expires_at)):
        return False
    ((_, state, reply),) = await tx.own(_FIND, place)
    if state == SAGA:
        raise StillRunning(undo.method, reply)
    return bool(state == "reply")


async def note_saga(tx: Transaction, keyed: Keyed, saga_id: str, now: datetime) -> None:
    """
    Note that a command is a saga, which begins in *tx*.

    Raises:
        AlreadyUndone: It is a step of another saga, and comes after its undo.
    """
    expires_at = _expiry_after(math.ceil(now.timestamp()), KEEP_SECONDS)
    if not await tx.own(_INSERT, (*_row(keyed), SAGA, saga_id, expires_at)):
        ((_, state, _),) = await tx.own(_FIND, (keyed.method, keyed.caller, keyed.key))
        if state == UNDONE:
            raise AlreadyUndone(keyed.method, keyed.key)


async def note_saga_end(tx: Transaction, keyed: Keyed, *, was_done: bool) -> None:
    """Note that the saga has ended, which `note_saga` noted."""
    state = "reply" if was_done else UNDONE
    await tx.own(_END_SAGA, (state, keyed.method, keyed.caller, keyed.key, SAGA))


async def _transact_until_known(store: Store, once: Callable[[Transaction], Awaitable[Any]]) -> Any:
    """Run *once*; if nobody knows whether it was committed, its own key tells the next run."""
    for _ in range(UNKNOWN_COMMITS_MAX):
        try:
            return await store.transact(once)
        except CommitUnknown:
            continue
    return await store.transact(once)


class Inbox:
    """
    What a service remembers of its plain commands, and the forgetting of what is old.

    Lives as long as the service's store.
    """

    def __init__(
        self, store: Store, *, rows_max: int = ROWS_MAX, keep_seconds: float = KEEP_SECONDS
    ) -> None:
        self._store = store
        self._rows_max = rows_max
        self._keep_seconds = keep_seconds
        self._replies: dict[str, Replies] = {}
        self._counted_at = 0
        self._surplus_below = 0

    async def recall(self, method: Method, context: Context, arguments_hash: bytes) -> Any:
        """
        The reply to the context's key, or `MISSING`.

        Raises:
            Problem: It was the reply.
            KeyReused: The key came with other arguments.
        """
        keyed = _keyed(method, context, arguments_hash)
        async with self._store.read() as snapshot:
            rows = await snapshot.own(_FIND, (keyed.method, keyed.caller, keyed.key))
        outcome = _answer(rows, keyed, self._replies_of(method))
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def remember(
        self, method: Method, context: Context, arguments_hash: bytes, outcome: Any
    ) -> Any:
        """
        Keep *outcome*, a value or a problem, unless a reply is already kept; what is kept then.

        Raises:
            KeyReused: The key came with other arguments.
        """
        keyed = _keyed(method, context, arguments_hash)
        replies = self._replies_of(method)
        expires_at = _expiry(self._store.clock, self._keep_seconds)

        async def keep(tx: Transaction) -> Any:
            if await _insert(tx, keyed, replies, outcome, expires_at):
                return outcome
            await tx.undo()
            return await _find(tx, keyed, replies)

        crash.at("inbox.before_remember")
        kept = await self._store.transact(keep)
        crash.at("inbox.after_remember")
        return kept

    async def statistics(self) -> dict[str, float]:
        """How many replies are kept, and the limits; by names that end in their unit."""
        async with self._store.read() as snapshot:
            if self._is_dense:
                rows = await snapshot.own(_OLDEST)
                count = rows[0][2] - rows[0][0] + 1 if rows else 0
            else:
                ((count,),) = await snapshot.own(_COUNT)
        return {
            "replies": count,
            "replies_max": self._rows_max,
            "keep_seconds": self._keep_seconds,
        }

    async def prune(
        self,
        *,
        until: Callable[[], bool] | None = None,
        check: Check | None = None,
    ) -> int:
        """
        Forget what has expired, and the oldest of what is over the limit; how many were forgotten.

        Takes many small units of work, between which others get their turn.

        Args:
            until: Asked after each unit; once it is true, the rest is left for the next time.
            check: Refuses in each unit to let it commit.
        """
        forgotten = 0
        while count := await self._prune_some(check):
            forgotten += count
            if until is not None and until():
                break
        return forgotten

    async def _prune_some(self, check: Check | None) -> int:
        async with self._store.read() as snapshot:
            rows = await snapshot.own(_OLDEST)
            if not rows:
                return 0
            (first, expires_at, last) = rows[0]
            surplus_below = await self._find_surplus(snapshot, first, last)
        now = time_text(self._store.clock.now())
        if first >= surplus_below and expires_at > now:
            return 0
        parameters = (first + PRUNE_ROWS, surplus_below, now)
        return len(await self._store.transact(_prune, parameters, check))

    @property
    def _is_dense(self) -> bool:
        """Whether each position between the first and the last has a row."""
        return self._store.dialect == "sqlite"

    async def _find_surplus(self, snapshot: Snapshot, first: int, last: int) -> int:
        """Below which position there are more rows than the limit."""
        surplus_below = last - self._rows_max + 1
        if self._is_dense or first >= surplus_below:
            return surplus_below
        # A repeat draws a position and leaves no row, so the rows themselves have to be counted.
        if last - self._counted_at >= self._rows_max * RECOUNT_SHARE:
            rows = await snapshot.own(_NEWEST, (self._rows_max - 1,))
            self._counted_at = last
            self._surplus_below = rows[0][0] if rows else 0
        return self._surplus_below

    def _replies_of(self, method: Method) -> Replies:
        replies = self._replies.get(method.full_name)
        if replies is None:
            replies = Replies(method.full_name, method.reply_hint, method.problems)
            self._replies[method.full_name] = replies
        return replies


def _expiry(clock: Clock, keep_seconds: float) -> str:
    return _expiry_after(math.ceil(clock.now().timestamp()), keep_seconds)


@functools.lru_cache(maxsize=16)
def _expiry_after(second: int, keep_seconds: float) -> str:
    """When what is remembered in *second*, which is a whole one, is forgotten."""
    return time_text(datetime.fromtimestamp(second, UTC) + timedelta(seconds=keep_seconds))


async def _prune(tx: Transaction, parameters: tuple[Any, ...], check: Check | None) -> list[Any]:
    if check is not None:
        await check(tx)
    return await tx.own(_PRUNE, parameters)


def _keyed(method: Method, context: Context, arguments_hash: bytes) -> Keyed:
    assert context.key is not None
    return Keyed.of(method.full_name, context.caller, context.key, arguments_hash)


async def _insert(
    tx: Transaction, keyed: Keyed, replies: Replies, outcome: Any, expires_at: str
) -> bool:
    state, text = replies.encode(outcome)
    return await tx.conclude(_INSERT, (*_row(keyed), state, text, expires_at))


def _row(keyed: Keyed) -> tuple[str, str, str, str]:
    return keyed.method, keyed.caller, keyed.key, keyed.arguments_hash


async def _find(tx: Transaction, keyed: Keyed, replies: Replies) -> Any:
    rows = await tx.own(_FIND, (keyed.method, keyed.caller, keyed.key))
    return _answer(rows, keyed, replies)


def _answer(rows: list[Any], keyed: Keyed, replies: Replies) -> Any:
    if not rows:
        return MISSING
    arguments_hash, state, text = rows[0]
    if state == UNDONE:
        raise AlreadyUndone(keyed.method, keyed.key)
    if arguments_hash != keyed.arguments_hash:
        raise KeyReused(keyed.method, keyed.key)
    return None if state == NOTHING else replies.decode(state, text)
