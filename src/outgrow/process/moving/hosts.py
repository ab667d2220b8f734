"""The processes in which a service runs while its store is moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control import ask_async, ask_everyone, control_socket
from outgrow.process.seating import RUN_FOLDER, read_seating
from outgrow.topology import SQLITE


def find_hosts(state: Path, service: str) -> list[str]:
    """The processes on *state* in which *service* runs now."""
    try:
        found = ask_everyone(state, "placement")
    except ControlError:
        return []
    return [name for name, placed in found.answers.items() if service in placed["services"]]


class RunningHosts:
    """
    Asks the processes that host a service to wait, and to go on elsewhere.

    Args:
        state: Where the application keeps its state.
        service: Whose store is moved.
        processes: Those that host it.
        where: Where the store goes: the folder of an SQLite file, or a URL.

    Attributes:
        missed: Why a process did not go on there, by its name; it is to be started again.
    """

    def __init__(self, state: Path, service: str, processes: list[str], where: Path | str) -> None:
        self._state = state
        self._service = service
        self._processes = processes
        self._where = where
        self.missed: dict[str, str] = {}

    async def hold(self) -> None:
        for process in self._processes:
            await self._ask(process, "store_hold")

    async def let_go(self) -> None:
        for process in self._processes:
            await self._ask(process, "store_go_on")

    async def switch(self) -> None:
        self._note_for_restarts()
        kind = "folder" if isinstance(self._where, Path) else "url"
        for process in self._processes:
            try:
                await self._ask(process, "store_switch", **{kind: str(self._where)})
            except ControlError as error:
                self.missed[process] = str(error)

    def _note_for_restarts(self) -> None:
        """Let a process of a topology that is started again begin where the store is now."""
        place = SQLITE if isinstance(self._where, Path) else self._where
        for path in (self._state / RUN_FOLDER).glob("*.json"):
            seating = read_seating(path)
            if any(self._service in seat.services for seat in seating.seats.values()):
                stores = {**seating.stores, self._service: place}
                msgspec.structs.replace(seating, stores=stores).write(path)

    async def _ask(self, process: str, verb: str, **arguments: Any) -> None:
        path = control_socket(self._state, process)
        await ask_async(path, verb, service=self._service, **arguments)
