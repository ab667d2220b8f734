"""Events that sagas may wait for, kept from when they are heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from outgrow.clock import Clock
from outgrow.contracts import (
    Event,
    EventReader,
    encode_ordered,
    event_key,
    event_schema,
    event_type,
)
from outgrow.journal import time_text
from outgrow.store import Snapshot, Transaction

HEARD_SECONDS: Final = 60.0
"""How long an event is kept at least; longer if a saga is under way that may ask for it."""

HEARD_MAX: Final = 100_000
"""How many events a service keeps for its sagas; beyond, the oldest are forgotten early."""

_ADD: Final = (
    "insert into outgrow_heard (type, key, id, number, heard_at, body) values (?, ?, ?, ?, ?, ?) "
    "on conflict (type, key, id) do nothing"
)
_GATE: Final = (
    "insert into outgrow_heard (type, key, id, number, heard_at, body) "
    "values (?, ?, '', 1, ?, 'null') on conflict (type, key, id) do update "
    "set number = outgrow_heard.number + 1, heard_at = excluded.heard_at returning number"
)
_FIRST: Final = (
    "select body from outgrow_heard where type = ? and key = ? and id <> '' and heard_at >= ? "
    "order by number limit 1"
)
_WAKE: Final = (
    "update outgrow_saga set due_at = ? where waits_type = ? and waits_key = ? "
    "and state = 'waiting' returning id"
)
_FORGET: Final = (
    "delete from outgrow_heard where (type, key, id) in (select type, key, id from outgrow_heard "
    "where heard_at < ? order by heard_at limit ?) returning id"
)
_OLDEST: Final = "select min(heard_at) from outgrow_heard"
_SURPLUS: Final = "select heard_at from outgrow_heard order by heard_at desc limit 1 offset ?"


class Moments:
    """
    When sagas begin and events are heard: in this order, also if the clock is set back meanwhile.

    A clock that is behind what it said counts on in the smallest steps until it has caught up, as
    hybrid logical clocks do (Kulkarni et al., 2014). Lives as long as its process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.now()

    def next(self) -> str:
        """The time now, or a moment later than the last one."""
        now = self._clock.now()
        self._last = now if now >= self._last else self._last + timedelta(microseconds=1)
        return time_text(self._last)


def name_of(event: type[Event]) -> str:
    """The type under which events of the class are kept."""
    return event_type(event)


def arguments_of(key: str, within: timedelta | None) -> str:
    """What a replay must ask for again."""
    return f"{key!r}" if within is None else f"{key!r} within {within.total_seconds()} s"


def decode(event: type[Event], body: str | None) -> Any:
    """The event, or None if it did not come in time."""
    if body in (None, "null"):
        return None
    kept = msgspec.json.decode(body or "null", type=_Kept)
    return EventReader(event).read(kept.schema, bytes(kept.body).decode())


class _Kept(msgspec.Struct):
    schema: int
    body: msgspec.Raw


async def gate(tx: Transaction, name: str, key: str, now: str) -> int:
    """
    Come one after the other: who waits for an event of *key*, and who has just heard one.

    Of two transactions at the same time in PostgreSQL neither would see what the other did.

    Returns:
        A number that grows with each who comes.
    """
    ((number,),) = await tx.own(_GATE, (name, key, now))
    return number  # type: ignore[no-any-return]


async def first(snapshot: Snapshot, name: str, key: str, since: str) -> str | None:
    """The first event that was heard since a moment, as it is kept."""
    rows = await snapshot.own(_FIRST, (name, key, since))
    return rows[0][0] if rows else None


async def hear(tx: Transaction, event: Event, message: str, at: str, now: str) -> bool:
    """
    Keep *event*, and let those go on that wait for it; whether there are any.

    Args:
        at: When it was heard, as `Moments` have it.
    """
    name, key = event_type(type(event)), event_key(event)
    if key is None:
        return False  # Nobody can wait for it.
    number = await gate(tx, name, key, now)
    body = encode_ordered(event, "deterministic")
    kept = _Kept(event_schema(type(event)), msgspec.Raw(body))
    await tx.own(_ADD, (name, key, message, number, at, msgspec.json.encode(kept).decode()))
    return bool(await tx.own(_WAKE, (now, name, key)))


async def may_forget(snapshot: Snapshot, before: str) -> bool:
    """Whether something was heard before a moment, or there is more than the limit."""
    ((moment,),) = await snapshot.own(_OLDEST)
    return moment is not None and (
        moment < before or bool(await snapshot.own(_SURPLUS, (HEARD_MAX,)))
    )


async def forget(tx: Transaction, before: str, limit: int) -> int:
    """Forget what was heard before a moment, and what is over the limit; how many those were."""
    rows = await tx.own(_SURPLUS, (HEARD_MAX,))
    before = max(before, rows[0][0]) if rows else before
    return len(await tx.own(_FORGET, (before, limit)))
