"""What can be asked of a running process about the stores of its services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outgrow.errors import ControlError
from outgrow.process.application import Application
from outgrow.process.control.channel import Verb
from outgrow.process.stores import HostedStore

HOLD_SECONDS_MAX = 5.0
"""How long units of work wait for a move that does not ask again: it may have died."""


def store_verbs(application: Application) -> dict[str, Verb]:
    """The verbs about the stores of *application*, for who moves one."""
    questions = _Questions(application)
    return {
        "store_hold": questions.hold,
        "store_go_on": questions.go_on,
        "store_switch": questions.switch,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def hold(self, fields: dict[str, Any]) -> Any:
        """
        Let new units of work wait for at most 5 s more: ``{"service": "orders"}``.

        Those that have begun end before it answers.
        """
        await self._stored(fields).store.hold(HOLD_SECONDS_MAX)
        return {"seconds": HOLD_SECONDS_MAX}

    async def go_on(self, fields: dict[str, Any]) -> Any:
        """Let them begin: ``{"service": "orders"}``."""
        self._stored(fields).store.go_on()
        return {}

    async def switch(self, fields: dict[str, Any]) -> Any:
        """Go on with what a move has brought elsewhere: ``{"service": ..., "url": ...}``."""
        stored = self._stored(fields)
        where = fields.get("url")
        await stored.switch(str(where) if where else Path(str(fields["folder"])))
        return {"dialect": stored.store.dialect}

    def _stored(self, fields: dict[str, Any]) -> HostedStore:
        name = str(fields["service"])
        stored = self._application.stores.get(name)
        if stored is None:
            known = ", ".join(sorted(self._application.stores)) or "none"
            message = f"service {name!r} has no store in this process. There are stores of: {known}"
            raise ControlError(message)
        return stored
