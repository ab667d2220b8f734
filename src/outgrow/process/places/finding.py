"""Where the stores of one application are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, Self

from outgrow.errors import ControlError, Finding, InvalidTopology, MoveRefused
from outgrow.process.application import STATE_FOLDER
from outgrow.process.control import ask, control_socket
from outgrow.process.databases import Cluster, Kept, serving
from outgrow.process.seating import SUPERVISOR
from outgrow.process.stores import STORE_FOLDER, resolved
from outgrow.store.creating import database_name
from outgrow.store.moving import StateFile
from outgrow.topology import POSTGRES, Plan, read_topology


class Places(NamedTuple):
    """
    Where the stores of one application are.

    Attributes:
        plan: What its topology file says.
        state: Where it keeps its state.
        topology: The topology that it runs as, or should; empty if everything runs together.
    """

    plan: Plan
    state: Path
    topology: str

    @classmethod
    def read(cls, file: Path, state: Path | None, topology: str | None = None) -> Self:
        """
        Those of the application that *file* describes.

        Args:
            topology: Where they are in this topology; None takes the one that runs, if one does.

        Raises:
            InvalidTopology: The file is wrong, or has no such topology.
        """
        plan = read_topology(file)
        folder = state or plan.folder / STATE_FOLDER
        if topology is None:
            topology = _running(folder)
        if topology and topology not in plan.topologies:
            known = ", ".join(plan.topologies) or "none"
            finding = Finding(
                place=str(plan.file),
                message=f"it has no topology {topology!r}.",
                remedy=f"Known: {known}.",
                slug="unknown-topology",
            )
            raise InvalidTopology([finding])
        return cls(plan, folder, topology)

    @property
    def stores(self) -> dict[str, str]:
        """What is configured, by service."""
        return self.plan.topologies[self.topology].stores if self.topology else self.plan.stores

    @property
    def moved(self) -> dict[str, str]:
        """Where the stores are that were moved from where they are configured, by service."""
        found = {}
        for service, place in self.stores.items():
            try:
                moving = StateFile(self.state / STORE_FOLDER / f"{service}.move.json").read()
            except MoveRefused:
                continue
            has_left = moving is not None and moving.step in ("switched", "finished")
            if moving is not None and has_left and moving.secrets[0] == place:
                found[service] = moving.secrets[1]
        return found

    def chosen(self, services: Sequence[str]) -> list[str]:
        """
        *services*, or all if none is named.

        Raises:
            InvalidTopology: One of them is none.
        """
        unknown = [service for service in services if service not in self.plan.services]
        InvalidTopology.raise_if_any([unknown_service(self.plan, one) for one in unknown])
        return list(services) or list(self.plan.services)

    @asynccontextmanager
    async def found(self, services: Sequence[str]) -> AsyncIterator[dict[str, Path | str]]:
        """
        The folder of each service's SQLite file, or the URL of its database.

        That of a store that was moved is where it is now, whatever is configured. The embedded
        server is started for the block, unless it runs already; a service that has no database
        there yet is left out.
        """
        configured = self.stores | self.moved
        stores = {service: configured[service] for service in services}
        places = resolved(self.state, self.plan.application, stores)
        kept = Kept.read(self.state)
        embedded = [s for s in services if stores[s] == POSTGRES and s in kept.roles]
        places = {s: place for s, place in places.items() if place != POSTGRES}
        cluster = Cluster(self.state / POSTGRES / "data")
        cluster.sockets = Path(kept.sockets) if kept.sockets else None
        if not embedded or not cluster.exists:
            yield places
        elif cluster.answers():
            names = {s: database_name(self.plan.application, s) for s in embedded}
            yield places | {s: cluster.url(n, n, kept.roles[s]) for s, n in names.items()}
        else:
            async with serving(self.state, self.plan.application, embedded) as urls:
                yield {**places, **urls}

    def migrations_of(self, service: str) -> Path | None:
        """The folder of the migrations of *service*, found without running its code."""
        folder = str(self.plan.folder.absolute())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        spec = importlib.util.find_spec(self.plan.services[service])
        if spec is None:
            return None
        if spec.submodule_search_locations:
            found = Path(next(iter(spec.submodule_search_locations)), "migrations")
        else:
            assert spec.origin is not None, "it is a module"
            module = Path(spec.origin)
            found = module.with_name(f"{module.stem}_migrations")
        return found if found.is_dir() else None


def unknown_service(plan: Plan, service: str) -> Finding:
    """That the application has no such service."""
    known = ", ".join(plan.services)
    return Finding(
        place=str(plan.file),
        message=f"the application has no service {service!r}.",
        remedy=f"It has: {known}.",
        slug="unknown-service",
    )


def _running(state: Path) -> str:
    """The topology that runs on *state*; empty if none does."""
    try:
        placement = ask(control_socket(state, SUPERVISOR), "placement")
    except ControlError:
        return ""
    return str(placement["topology"])
