"""What an operator decides about messages that wait: it is done and written down in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from outgrow.context import (
    Caller,
    Context,
    enter,
    leave,
    new_id,
    new_span_id,
    new_trace_id,
)
from outgrow.errors import ControlError
from outgrow.journal.consumers import Consumer
from outgrow.journal.messages import Message
from outgrow.journal.outbox import Outbox
from outgrow.store import Store, Transaction

LINE_ROWS_MAX: Final = 1_000
"""How many messages of one key are told, or named in the row of an audit."""

REASON_CHARACTERS_MAX: Final = 1_000
"""How long a reason may be."""

DROPPED: Final = "outgrow.Dropped"
REPLAYED: Final = "outgrow.Replayed"

_LINE = (
    "select position, state, attempts, due_at, error, waiting_since, message from outgrow_waiting "
    "where consumer = ? and source = ? and key = ? order by position limit ?"
)
_COUNT = (
    "select count(*) from outgrow_waiting where consumer = ? and source = ? and key = ? "
    "and (cast(? as bigint) is null or position = ?)"
)
_DROP = (
    "delete from outgrow_waiting where consumer = ? and source = ? and key = ? "
    "and (cast(? as bigint) is null or position = ?) returning position, message"
)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who decided, and why.

    Attributes:
        who: The user of the operating system who asked.
        reason: In the operator's words; may be empty where nothing is lost.
    """

    who: str
    reason: str = ""


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    A message that waits for a consumer under a key.

    Attributes:
        position: Its place in the source's journal.
        state: ``parked`` or ``retrying`` for the first, ``queued`` behind it.
        id, type, correlation_id, recorded_at: As its row in the source's journal has them.
    """

    source: str
    position: int
    state: str
    attempts: int
    due_at: str | None
    error: str | None
    waiting_since: str
    id: str
    type: str
    correlation_id: str
    recorded_at: str


class Decisions:
    """
    What an operator decides about what waits in one process. Lives as long as its delivery.

    Args:
        consumers: Those that run; may still grow.
        stores: Of the hosted services, by service.
        outboxes: Theirs.
    """

    def __init__(
        self,
        consumers: Sequence[Consumer],
        stores: Mapping[str, Store],
        outboxes: Mapping[str, Outbox],
    ) -> None:
        self._consumers = consumers
        self._stores = stores
        self._outboxes = outboxes

    async def line(self, consumer: str, key: str) -> list[LineRow]:
        """
        What waits for *consumer* under *key*, in order; at most 1000.

        Raises:
            ControlError: There is no such consumer here.
        """
        told = []
        for one in self._named(consumer):
            async with self._store_of(one).read() as snapshot:
                rows = await snapshot.own(_LINE, (one.name, one.source, key, LINE_ROWS_MAX))
            told += [_told(one.source, *row) for row in rows]
        return told

    async def drop(
        self,
        consumer: str,
        key: str,
        decision: Decision,
        position: int | None = None,
        *,
        source: str | None = None,
    ) -> int:
        """
        Let *consumer* never handle what waits for it under *key*; how many messages that are.

        What comes behind them flows on. The journal of the consumer's service keeps who decided
        that, when and why, in the same commit.

        Args:
            position: Only the message with this place in the source's journal.
            source: Only messages of this service, if the consumer takes those of several.

        Raises:
            ControlError: There is no such consumer here, or no reason.
        """
        check_decision(decision)
        if not decision.reason.strip():
            message = "why? What is dropped is never handled, so a reason is kept with it."
            raise ControlError(message)
        dropped = 0
        for one in self._named(consumer):
            if source not in (None, one.source):
                continue
            dropped += await self._store_of(one).transact(self._drop, one, key, position, decision)
            one.reload()
        return dropped

    async def replay(self, consumer: str, key: str | None, decision: Decision) -> int:
        """
        Try again now what waits for *consumer*; how many messages that are.

        The journal of the consumer's service keeps who decided that and when.

        Args:
            key: The events' key; None for all keys.

        Raises:
            ControlError: There is no such consumer here.
        """
        check_decision(decision)
        count = 0
        for one in self._named(consumer):
            for each in one.waiting_keys(key):
                count += await one.replay(each, self._note_of_replay(one, each, decision))
        return count

    def _note_of_replay(self, one: Consumer, key: str, decision: Decision) -> Any:
        async def note(tx: Transaction) -> None:
            rows = await tx.own(_COUNT, (one.name, one.source, key, None, None))
            body = {"messages": rows[0][0]}
            tx.entries.append(self._audit(one, REPLAYED, key, decision, **body))

        return note

    async def _drop(
        self, tx: Transaction, one: Consumer, key: str, position: int | None, decision: Decision
    ) -> int:
        where = (one.name, one.source, key, position, position)
        rows = sorted(await tx.own(_DROP, where))
        if rows:
            messages = [msgspec.json.decode(text, type=Message) for _, text in rows]
            named = [
                {"position": m.position, "id": m.id, "type": m.type}
                for m in messages[:LINE_ROWS_MAX]
            ]
            body = {"messages": len(rows), "dropped": named}
            tx.entries.append(
                self._audit(one, DROPPED, key, decision, messages[0].correlation_id, **body)
            )
        return len(rows)

    def _audit(
        self,
        one: Consumer,
        name: str,
        key: str,
        decision: Decision,
        /,
        correlation_id: str | None = None,
        **more: Any,
    ) -> Any:
        body = {
            "consumer": one.name,
            "source": one.source,
            "key": key,
            "who": decision.who,
            "reason": decision.reason,
            **more,
        }
        entered = enter(operators_context(decision.who, correlation_id))
        try:
            return self._outboxes[one.service].audit(name, key, body)
        finally:
            leave(entered)

    def _named(self, consumer: str) -> list[Consumer]:
        found = [known for known in self._consumers if known.name == consumer]
        if not found:
            names = ", ".join(sorted({known.name for known in self._consumers})) or "none"
            raise ControlError(f"{consumer!r} is no consumer of this process. There are: {names}.")
        return found

    def _store_of(self, consumer: Consumer) -> Store:
        return self._stores[consumer.service]


def operators_context(who: str, correlation_id: str | None = None) -> Context:
    """The context of what an operator decides, called *who* in the operating system."""
    return Context(
        caller=Caller(kind="system", subject=f"operator {who}"),
        correlation_id=correlation_id or new_id(),
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=0.0,
    )


def check_decision(decision: Decision) -> None:
    """
    See that who decided and why can be kept.

    Raises:
        ControlError: It is too long, or cannot be printed.
    """
    for what, text in (("reason", decision.reason), ("name", decision.who)):
        if len(text) > REASON_CHARACTERS_MAX or not text.replace("\n", " ").isprintable():
            message = (
                f"the {what} has {len(text)} characters, perhaps some that cannot be printed. "
                f"At most {REASON_CHARACTERS_MAX} printable ones are kept."
            )
            raise ControlError(message)


def _told(source: str, position: int, *columns: Any) -> LineRow:
    state, attempts, due_at, error, waiting_since, text = columns
    message = msgspec.json.decode(text, type=Message)
    return LineRow(
        source=source,
        position=position,
        state=state,
        attempts=attempts,
        due_at=due_at,
        error=error,
        waiting_since=waiting_since,
        id=message.id,
        type=message.type,
        correlation_id=message.correlation_id,
        recorded_at=message.recorded_at,
    )
