"""The timers of a service as its units of work set, cancel and move them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from outgrow.clock import Clock
from outgrow.errors import TimerExists, TimerRefused
from outgrow.journal.messages import time_text
from outgrow.store import Transaction

TIMERS_MAX: Final = 1_000_000
"""How many timers a service may have."""

AHEAD_DAYS_MAX: Final = 3_660
"""How far in the future a timer may be: ten years."""

NAME_CHARACTERS_MAX: Final = 200
"""How long the name of a timer may be."""

TOLD_MAX: Final = 1_000
"""How many timers of a service are told an operator at once."""

TOPIC: Final = "\ntimers"
"""
What watchers of an outbox call a timer that was set; no type and no service has such a name. Stands
among the entries of the unit that set it, so that its commit is told.
"""

_INSERT = (
    "insert into outgrow_timer (id, name, due_at, kind, type, schema, destination, key, partition, "
    "cause, correlation_id, trace, caller, tenant, set_at, body) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "on conflict (name) do nothing returning id"
)
_CANCEL = "delete from outgrow_timer where id = ? or name = ? returning id"
_MOVE = "update outgrow_timer set due_at = ? where id = ? or name = ? returning id"
_COUNT = "select count(*) from outgrow_timer"
_TELL = (
    "select id, name, due_at, kind, type, schema, destination, key, set_at, correlation_id "
    "from outgrow_timer order by due_at, number limit ?"
)


class SetTimer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A timer that waits for its moment.

    Attributes:
        name: What it was called by who set it, if it was.
        kind: ``event`` or ``command``.
        type: What will be recorded or called.
        destination: The service that a command is for.
    """

    id: str
    name: str | None
    due_at: str
    kind: str
    type: str
    schema: int
    destination: str | None
    key: str | None
    set_at: str
    correlation_id: str


class TimerBook:
    """
    Writes the timers of a service, in the units of work that set them. Lives as long as its outbox.

    Attributes:
        count: About how many there are: what rolls back is counted until they are counted anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.count = 0

    def set(
        self, tx: Transaction, when: datetime | timedelta, name: str | None, entry: tuple[Any, ...]
    ) -> Awaitable[str]:
        """
        Let *entry*, a row of the journal that is yet to be, be written when it is due; the timer.

        Raises:
            TimerRefused: The moment or the name cannot be, or there are too many timers.
            TimerExists: Another timer has the name.
        """
        due_at = self.due_at(when)
        _check_name(name)
        timer, *columns = entry
        inserting = tx.own(_INSERT, (timer, name, due_at, *columns))
        return self._set(tx, inserting, timer, name)

    def cancel(self, tx: Transaction, timer: str) -> Awaitable[bool]:
        """Let *timer*, an id or a name, not happen; whether it was still to be."""
        return self._is_done(tx.own(_CANCEL, (timer, timer)), -1)

    def move(self, tx: Transaction, timer: str, when: datetime | timedelta) -> Awaitable[bool]:
        """Let *timer*, an id or a name, be due at another moment; whether it was still to be."""
        moving = tx.own(_MOVE, (self.due_at(when), timer, timer))
        tx.entries.append(TOPIC)
        return self._is_done(moving, 0)

    def due_at(self, when: datetime | timedelta) -> str:
        """
        The moment as text; one that has passed is due at once.

        Raises:
            TimerRefused: It is none, has no time zone, or is too far in the future.
        """
        given: object = when
        if not isinstance(given, (datetime, timedelta)):
            message = (
                f"{given!r} is neither a moment nor how long from now. Write timedelta(days=3), or "
                "datetime(..., tzinfo=UTC)."
            )
            raise TimerRefused(message)
        now = self._clock.now()
        try:
            moment = now + when if isinstance(when, timedelta) else when.astimezone(UTC)
        except OverflowError:
            moment = datetime.max.replace(tzinfo=UTC)
        if isinstance(when, datetime) and when.utcoffset() is None:
            message = (
                f"{when.isoformat()} has no time zone, so nobody knows when that is. "
                "Write datetime(..., tzinfo=UTC), or say how long from now: timedelta(days=3)."
            )
            raise TimerRefused(message)
        if moment > now + timedelta(days=AHEAD_DAYS_MAX):
            message = (
                f"{moment.isoformat()} is further away than a timer may be, which is "
                f"{AHEAD_DAYS_MAX} days. Set one that is due sooner, and let what it does set the "
                "next."
            )
            raise TimerRefused(message)
        return time_text(max(moment, now))

    async def _set(
        self, tx: Transaction, inserting: Awaitable[list[Any]], timer: str, name: str | None
    ) -> str:
        if not await inserting:
            raise TimerExists(name or "")
        self.count += 1
        if self.count > TIMERS_MAX:
            await self._refuse_if_too_many(tx)
        tx.entries.append(TOPIC)
        return timer

    async def _refuse_if_too_many(self, tx: Transaction) -> None:
        ((self.count,),) = await tx.own(_COUNT)
        if self.count > TIMERS_MAX:
            message = (
                f"this service has {TIMERS_MAX} timers already, which is all that it may. Set one "
                "timer for many things, such as one a day for all that is due on that day."
            )
            raise TimerRefused(message)

    async def _is_done(self, changing: Awaitable[list[Any]], change: int) -> bool:
        rows = await changing
        self.count += change * len(rows)
        return bool(rows)


async def tell_timers(snapshot: Any, limit: int) -> list[SetTimer]:
    """The timers that are due first, at most *limit* and at most 1000."""
    rows = await snapshot.own(_TELL, (max(0, min(limit, TOLD_MAX)),))
    fields = SetTimer.__struct_fields__
    return [SetTimer(**dict(zip(fields, row, strict=True))) for row in rows]


def _check_name(name: str | None) -> None:
    if name is None:
        return
    if 0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable():
        return
    message = (
        f"{name[:NAME_CHARACTERS_MAX]!r} cannot be the name of a timer. A name has 1 to "
        f"{NAME_CHARACTERS_MAX} printable characters, such as 'remind order-7'."
    )
    raise TimerRefused(message)
