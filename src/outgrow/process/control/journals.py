"""What can be asked of a running process about its journals and their consumers."""

from __future__ import annotations

from typing import Any

import msgspec

from outgrow.journal import Decision
from outgrow.process.application import Application
from outgrow.process.control.channel import Verb


def journal_verbs(application: Application) -> dict[str, Verb]:
    """The verbs about what *application* records, and who takes it."""
    questions = _Questions(application)
    return {
        "journal": questions.journal,
        "waiting": questions.waiting,
        "consumers": questions.consumers,
        "replay": questions.replay,
        "remove_consumer": questions.remove_consumer,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def journal(self, fields: dict[str, Any]) -> Any:
        """Rows of a service's journal: ``{"service": "orders", "after": 0, "limit": 20}``."""
        after, only = fields.get("after"), fields.get("type")
        rows = await self._application.overview.rows(
            str(fields["service"]),
            after=None if after is None else int(after),
            limit=int(fields.get("limit", 20)),
            only=None if only is None else str(only),
            has_bodies=bool(fields.get("has_bodies")),
        )
        return msgspec.to_builtins(rows)

    async def waiting(self, _: dict[str, Any]) -> Any:
        """The keys under which messages wait for a retry, or for an operator."""
        keys, count = await self._application.overview.waiting()
        return {"keys": msgspec.to_builtins(keys), "keys_count": count}

    async def consumers(self, _: dict[str, Any]) -> Any:
        """Who takes from journals here, and who has left rows and has no code any more."""
        return msgspec.to_builtins(await self._application.consumers())

    async def replay(self, fields: dict[str, Any]) -> Any:
        """
        Try a parked key again: ``{"consumer": "stock.hold", "key": "order-7"}``, or all.

        With ``who``, the journal of the consumer's service keeps who asked for it.
        """
        key = fields.get("key")
        if key is None and not fields.get("all"):
            message = 'which key? Give "key", or "all": true.'
            raise ValueError(message)
        consumer, who = str(fields["consumer"]), fields.get("who")
        key = None if key is None else str(key)
        if who is None:
            return {"messages": await self._application.replay(consumer, key)}
        decision = Decision(who=str(who), reason=str(fields.get("reason", "")))
        messages = await self._application.delivery.decisions.replay(consumer, key, decision)
        return {"messages": messages}

    async def remove_consumer(self, fields: dict[str, Any]) -> Any:
        """Remove the rows of a dead consumer: ``{"consumer": "stock.hold"}``."""
        dropped = await self._application.overview.remove(str(fields["consumer"]))
        return {"messages_dropped": dropped}
