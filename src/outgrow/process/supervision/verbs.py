"""What can be asked of a supervisor by its control channel."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from outgrow.errors import ControlError
from outgrow.process.control import Verb
from outgrow.process.supervision.keeping import Keeper
from outgrow.process.supervision.seats import Seats
from outgrow.topology import Topology


class Supervised(Protocol):
    """A supervisor, as questions are put to it."""

    topology: Topology
    keepers: dict[str, Keeper]
    seats: Seats | None

    def renew(self, name: str | None = None) -> Awaitable[Mapping[str, str | None]]:
        """Renew one process, or all."""


def supervisor_verbs(supervisor: Supervised) -> dict[str, Verb]:
    """The verbs of *supervisor*."""
    questions = _Questions(supervisor)
    return {
        "health": questions.health,
        "placement": questions.placement,
        "processes": questions.processes,
        "restart": questions.restart,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, supervisor: Supervised) -> None:
        self._supervisor = supervisor

    async def health(self, _: dict[str, Any]) -> Any:
        """Whether all processes take requests, and which do not."""
        keepers = self._supervisor.keepers.values()
        waiting = {k.name: "it is not ready" for k in keepers if not k.is_ready}
        return {"is_ready": not waiting, "waiting": waiting}

    async def placement(self, _: dict[str, Any]) -> Any:
        """Which topology runs here."""
        topology = self._supervisor.topology
        return {"topology": topology.name, "gateway": topology.gateway, "pid": os.getpid()}

    async def processes(self, _: dict[str, Any]) -> Any:
        """What runs, the broker included."""
        return [self._told(keeper) for keeper in self._supervisor.keepers.values()]

    async def restart(self, fields: dict[str, Any]) -> Any:
        """
        Renew all processes, one after another, or one: ``{"process": "front"}``.

        Of a process all replicas are renewed; a name such as ``back.2`` is that one's alone. Tells
        which were renewed, and why the others were not.
        """
        name = fields.get("process")
        topology = self._supervisor.topology
        seats = self._supervisor.seats.seats if self._supervisor.seats else {}
        if name is not None and name not in seats:
            known = ", ".join(sorted(seats))
            message = f"no process of topology {topology.name!r} is called {name!r}. Known: {known}"
            raise ControlError(message)
        reasons = await self._supervisor.renew(name)
        return {
            "renewed": {name: reason is None for name, reason in reasons.items()},
            "reasons": {name: reason for name, reason in reasons.items() if reason is not None},
        }

    def _told(self, keeper: Keeper) -> dict[str, Any]:
        seats = self._supervisor.seats
        seat = seats.seats.get(keeper.name) if seats else None
        return {
            "name": keeper.name,
            "process": seat.process if seat else keeper.name,
            "pid": keeper.pid or None,
            "services": list(seat.services) if seat else [],
            "http": f"http://{seat.http}" if seat else None,
            "calls": seat.calls if seat else None,
            "is_ready": keeper.is_ready,
            "restarts": keeper.restarts,
            "renewed": keeper.renewed,
            "since": keeper.since.isoformat() if keeper.since else None,
        }
