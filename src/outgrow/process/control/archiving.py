"""What can be asked of a running process about the archives of its journals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from outgrow.journal import Decision
from outgrow.process.application import Application
from outgrow.process.control.channel import Verb

STREAM = "the stream in NATS"
"""What stands among consumers for the events that are on their way."""


def archive_verbs(application: Application) -> dict[str, Verb]:
    """The verbs that archive, delete and restore rows of journals."""
    questions = _Questions(application)
    return {
        "archive": questions.archive,
        "archive_passed": questions.passed,
        "archive_delete": questions.delete,
        "archive_restore": questions.restore,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def archive(self, fields: dict[str, Any]) -> Any:
        """Write the next file: ``service``, ``folder``, ``older_than_seconds``, ``who``."""
        archived = await self._application.delivery.archives.archive(
            str(fields["service"]),
            Path(str(fields["folder"])),
            timedelta(seconds=float(fields["older_than_seconds"])),
            _decision(fields),
        )
        return msgspec.to_builtins(archived)

    async def passed(self, fields: dict[str, Any]) -> Any:
        """Up to where each consumer here has read a journal: ``{"service": "orders"}``."""
        return {
            "positions": await self._application.delivery.archives.passed(str(fields["service"])),
            "hosted": [service.name for service in self._application.services],
            "services": list(self._application.plan.services),
        }

    async def delete(self, fields: dict[str, Any]) -> Any:
        """Delete some of what is archived: ``service``, and ``passed`` of other processes."""
        service = str(fields["service"])
        passed = {str(name): int(position) for name, position in fields["passed"].items()}
        relays = (await self._application.delivery.broker_statistics()).get("relays", {})
        if service in relays:
            # The event with which the stream ends says whose stream it is.
            passed[STREAM] = max((relays[service]["position"] or 0) - 1, 0)
        return msgspec.to_builtins(
            await self._application.delivery.archives.delete(service, passed)
        )

    async def restore(self, fields: dict[str, Any]) -> Any:
        """Put rows back that archives hold: ``service``, ``folder``, ``who``."""
        restored = await self._application.delivery.archives.restore(
            str(fields["service"]), Path(str(fields["folder"])), _decision(fields)
        )
        return msgspec.to_builtins(restored)


def _decision(fields: dict[str, Any]) -> Decision:
    return Decision(who=str(fields["who"]), reason=str(fields.get("reason", "")))
