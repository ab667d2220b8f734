"""What can be asked of a supervisor by its control channel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from outgrow.errors import ControlError
from outgrow.process.control import Verb, ask_async
from outgrow.process.supervision.certifying import Certifying
from outgrow.process.supervision.keeping import Keeper
from outgrow.process.supervision.seats import Seats
from outgrow.topology import Topology

ANSWER_SECONDS_MAX: Final = 1.0
"""How long a process may take to say whether it is ready."""


class Supervised(Protocol):
    """A supervisor, as questions are put to it."""

    topology: Topology
    keepers: dict[str, Keeper]
    seats: Seats | None
    certifying: Certifying | None

    def renew(self, name: str | None = None) -> Awaitable[Mapping[str, str | None]]:
        """Renew one process, or all."""


def supervisor_verbs(supervisor: Supervised, run: Path) -> dict[str, Verb]:
    """
    The verbs of *supervisor*.

    Args:
        run: The folder where its processes have their control channels.
    """
    questions = _Questions(supervisor, run)
    return {
        "health": questions.health,
        "placement": questions.placement,
        "processes": questions.processes,
        "restart": questions.restart,
    }


class _Questions:
    """Answers the verbs; each takes the request's fields and returns plain data."""

    def __init__(self, supervisor: Supervised, run: Path) -> None:
        self._supervisor = supervisor
        self._run = run

    async def health(self, _: dict[str, Any]) -> Any:
        """Whether all processes are ready, and which are not, with their reasons."""
        told = await self._all_waiting()
        waiting = {name: _as_text(reasons) for name, reasons in told.items() if reasons}
        return {"is_ready": not waiting, "waiting": waiting}

    async def placement(self, _: dict[str, Any]) -> Any:
        """Which topology runs here."""
        topology = self._supervisor.topology
        return {
            "topology": topology.name,
            "gateway": topology.gateway,
            "pid": os.getpid(),
            "is_plaintext": self._supervisor.certifying is None,
        }

    async def processes(self, _: dict[str, Any]) -> Any:
        """What runs, the broker included."""
        waiting = await self._all_waiting()
        return [self._told(k, waiting[k.name]) for k in self._supervisor.keepers.values()]

    async def restart(self, fields: dict[str, Any]) -> Any:
        """
        Renew all processes, one after another, or one: ``{"process": "front"}``.

        Of a process all replicas are renewed; a name such as ``back.2`` is that one's alone. Tells
        which were renewed, and why the others were not.
        """
        unknown = sorted(fields.keys() - {"process"})
        if unknown:
            message = f"restart takes the field 'process' alone, and not {unknown[0]!r}."
            raise ControlError(message)
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

    async def _all_waiting(self) -> dict[str, dict[str, str]]:
        """What each process says that it waits for; all of them are asked at once."""
        async with asyncio.TaskGroup() as tasks:
            asked = {
                keeper.name: tasks.create_task(self._waiting(keeper))
                for keeper in self._supervisor.keepers.values()
            }
        return {name: task.result() for name, task in asked.items()}

    async def _waiting(self, keeper: Keeper) -> dict[str, str]:
        if not keeper.is_ready:
            return {"application": "it is not ready"}
        seats = self._supervisor.seats
        if seats is None or keeper.name not in seats.seats:
            return {}  # A server of others, which was asked before it was said to be ready.
        path = self._run / f"{keeper.name}.sock"
        try:
            health = await ask_async(path, "health", seconds=ANSWER_SECONDS_MAX)
        except ControlError:
            return {"application": "it does not answer"}
        waiting: dict[str, str] = health["waiting"]
        return waiting

    def _told(self, keeper: Keeper, waiting: dict[str, str]) -> dict[str, Any]:
        seats = self._supervisor.seats
        seat = seats.seats.get(keeper.name) if seats else None
        return {
            "name": keeper.name,
            "process": seat.process if seat else keeper.name,
            "pid": keeper.pid or None,
            "services": list(seat.services) if seat else [],
            "http": f"http://{seat.http}" if seat else None,
            "calls": seat.calls if seat else None,
            "is_ready": not waiting,
            "waiting": waiting,
            "restarts": keeper.restarts,
            "renewed": keeper.renewed,
            "since": keeper.since.isoformat() if keeper.since else None,
        }


def _as_text(reasons: dict[str, str]) -> str:
    """*reasons* in one line; of the process itself without its name."""
    return "; ".join(
        reason if name == "application" else f"{name}: {reason}"
        for name, reason in sorted(reasons.items())
    )
