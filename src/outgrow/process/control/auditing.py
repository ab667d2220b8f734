"""What can be asked of a running process about single messages, timers and histories."""

from __future__ import annotations

from typing import Any

import msgspec

from outgrow.journal import Decision, FullRow
from outgrow.process.application import Application
from outgrow.process.control.channel import Verb


def audit_verbs(application: Application) -> dict[str, Verb]:
    """The verbs about who did what in *application*, and what operators decide."""
    questions = _Questions(application)
    return {
        "row": questions.row,
        "fates": questions.fates,
        "line": questions.line,
        "drop": questions.drop,
        "timers": questions.timers,
        "history": questions.history,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def row(self, fields: dict[str, Any]) -> Any:
        """One row with all its columns: ``{"service": "orders", "row": "7"}``, or its id."""
        row = await self._application.delivery.fates.row(str(fields["service"]), str(fields["row"]))
        return msgspec.to_builtins(row)

    async def fates(self, fields: dict[str, Any]) -> Any:
        """What the consumers here have made of a row, as ``row`` told it: ``{"row": {...}}``."""
        row = msgspec.convert(fields["row"], FullRow)
        return msgspec.to_builtins(await self._application.delivery.fates.of(row.service, row))

    async def line(self, fields: dict[str, Any]) -> Any:
        """What waits for a consumer: ``{"consumer": "stock.hold", "key": "order-7"}``."""
        line = await self._application.delivery.decisions.line(
            str(fields["consumer"]), str(fields["key"])
        )
        return msgspec.to_builtins(line)

    async def drop(self, fields: dict[str, Any]) -> Any:
        """
        Let a consumer never handle what waits: ``consumer``, ``key``, ``who`` and ``reason``.

        With ``position``, and ``source``, only that message.
        """
        position, source = fields.get("position"), fields.get("source")
        if position is None and not fields.get("all"):
            message = 'which message? Give "position", or "all": true.'
            raise ValueError(message)
        dropped = await self._application.delivery.decisions.drop(
            str(fields["consumer"]),
            str(fields["key"]),
            Decision(who=str(fields["who"]), reason=str(fields["reason"])),
            None if position is None else int(position),
            source=None if source is None else str(source),
        )
        return {"messages": dropped}

    async def timers(self, fields: dict[str, Any]) -> Any:
        """The timers that are due first, by service: ``{"service": "orders", "limit": 20}``."""
        service = fields.get("service")
        told = await self._application.delivery.overview.timers(
            None if service is None else str(service), int(fields.get("limit", 20))
        )
        return {
            "timers": msgspec.to_builtins(told),
            "statistics": msgspec.to_builtins(await self._application.delivery.timers()),
        }

    async def history(self, fields: dict[str, Any]) -> Any:
        """Rows under a ``key`` or of a request: ``service``, ``correlation_id``, ``before``."""
        key, correlation_id = fields.get("key"), fields.get("correlation_id")
        before = fields.get("before")
        page = await self._application.delivery.histories.page(
            str(fields["service"]),
            key=None if key is None else str(key),
            correlation_id=None if correlation_id is None else str(correlation_id),
            before=None if before is None else int(before),
        )
        return msgspec.to_builtins(page)
