"""What can be asked of a running process by its control channel."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from outgrow import crash
from outgrow.clock import ManualClock
from outgrow.errors import ControlError
from outgrow.process.application import Application
from outgrow.process.control.archiving import archive_verbs
from outgrow.process.control.auditing import audit_verbs
from outgrow.process.control.channel import Verb
from outgrow.process.control.journals import journal_verbs
from outgrow.process.control.sagas import saga_verbs
from outgrow.process.control.storing import store_verbs


def control_verbs(application: Application) -> dict[str, Verb]:
    """The verbs of *application*; those that disturb it only in test mode."""
    questions = _Questions(application)
    verbs: dict[str, Verb] = {
        "health": questions.health,
        "placement": questions.placement,
        "contracts": questions.contracts,
        "statistics": questions.statistics,
        "settle": questions.settle,
        **journal_verbs(application),
        **audit_verbs(application),
        **archive_verbs(application),
        **saga_verbs(application),
        **store_verbs(application),
    }
    if application.options.is_test:
        verbs |= {"clock": questions.clock, "crash": questions.crash}
    return verbs


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def health(self, _: dict[str, Any]) -> Any:
        """Whether it has started and is ready, and what is not: itself, or services by name."""
        health = self._application.health
        waiting = health.waiting()
        return {"is_ready": not waiting, "waiting": waiting, "has_started": health.has_started}

    async def placement(self, _: dict[str, Any]) -> Any:
        """What runs here."""
        plan = self._application.plan
        return {
            "application": plan.application,
            "process": self._application.options.process,
            "pid": os.getpid(),
            "services": {s.name: s.package for s in self._application.services},
            "journals": sorted(self._application.delivery.journals),
            "leads": sorted(
                n for n, one in self._application.delivery.replicas().items() if one["leads"]
            ),
            "state": str(self._application.state),
            "http": self._application.http,
            "since": self._application.since.isoformat(),
        }

    async def contracts(self, _: dict[str, Any]) -> Any:
        """What the services here promise, as `outgrow contract freeze` writes it; by service."""
        return msgspec.to_builtins(self._application.describe())

    async def statistics(self, _: dict[str, Any]) -> Any:
        """What was counted since the start, and the limits."""
        return msgspec.to_builtins(await self._application.statistics(), enc_hook=str)

    async def settle(self, _: dict[str, Any]) -> Any:
        """
        Wait until nothing is left to do; tells how long the next retry waits, if one does.

        Several processes have settled once each was asked twice and none has moved meanwhile.
        """
        wait_seconds = await self._application.settle()
        return {"wait_seconds": wait_seconds, "activity": await self._application.activity()}

    async def clock(self, fields: dict[str, Any]) -> Any:
        """Move a clock that stands still: ``{"advance_seconds": 1.5}``."""
        clock = self._application.clock
        if not isinstance(clock, ManualClock):
            message = "the clock of this process runs by itself and cannot be moved"
            raise ControlError(message)
        clock.advance(float(fields["advance_seconds"]))
        return {"now": clock.now()}

    async def crash(self, fields: dict[str, Any]) -> Any:
        """Die at a named point: ``{"point": "store.before_commit", "nth": 3}``."""
        crash.arm(str(fields["point"]), int(fields.get("nth", 1)))
        return {"armed": fields["point"]}
