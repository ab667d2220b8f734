"""What an operator asks of a move: check it, do it, confirm it, give it up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from outgrow.clock import SystemClock
from outgrow.errors import ExtraMissing, InvalidTopology, MoveRefused, StoreMoved
from outgrow.process.loading import load_services
from outgrow.process.moving.confirming import refuse_old_place
from outgrow.process.moving.hosts import RunningHosts, find_hosts
from outgrow.process.moving.settings import Line, line_after
from outgrow.process.moving.statements import noted_statements, statements_path
from outgrow.process.places import Places, unknown_service
from outgrow.process.stores import STORE_FOLDER, embedded_place, located, open_service_store
from outgrow.store.creating import database_name
from outgrow.store.moving import (
    End,
    Move,
    Moving,
    SqliteEnd,
    StateFile,
    abandon,
    confirm,
)
from outgrow.topology import POSTGRES, SQLITE, Plan, fault_of, shown

Progress = Callable[[str, int, int], object]


class Checked(NamedTuple):
    """
    What a check found.

    Attributes:
        target: Where it looked, without a password.
        statements: How many statements of the service it tried.
        refused: Why the database would not take a statement, by its text.
    """

    target: str
    statements: int
    refused: dict[str, str]


class Moved(NamedTuple):
    """
    What a move did.

    Attributes:
        moving: How far it came, and what was copied.
        processes: The processes that go on at the target.
        missed: Why a process does not, by its name.
        line: What is to be written into ``outgrow.toml``.
    """

    moving: Moving
    processes: list[str]
    missed: dict[str, str]
    line: Line


class _Ends(NamedTuple):
    """Both ends of a move, what is configured of them, and where the store is opened there."""

    source: End
    target: End
    settings: tuple[str, str]
    wheres: tuple[Path | str, Path | str]


class Moves(NamedTuple):
    """
    The moves of one application's stores.

    Attributes:
        plan: What its topology file says.
        state: Where it keeps its state.
        stores: Where the store of each service lives, as configured.
        topology: The topology that says so; empty if none does.
    """

    plan: Plan
    state: Path
    stores: dict[str, str]
    topology: str = ""

    @classmethod
    def read(cls, file: Path, state: Path | None, topology: str | None) -> Self:
        """
        Those of the application that *file* describes.

        Args:
            topology: Where they are in this topology; None takes the one that runs, if one does.

        Raises:
            InvalidTopology: The file is wrong.
            StoreRefused: There is no such topology.
        """
        places = Places.read(file, state, topology)
        return cls(places.plan, places.state, places.stores, places.topology)

    async def move(self, service: str, to: str, progress: Progress) -> Moved:
        """
        Move the store of *service* to *to*: ``sqlite``, ``postgres``, or a URL.

        Raises:
            MoveRefused: It cannot be moved there, or not now.
            MoveFailed: What arrived is not what was sent; the old store goes on.
        """
        settings = self._settings_of(service, to)
        processes = find_hosts(self.state, service)
        if processes and to == POSTGRES:
            message = (
                f"{service!r} runs now, and the server that comes with outgrow is started with the "
                "application, not by this command. Stop the application, move the store, write "
                "down where it is, and start it again."
            )
            raise MoveRefused(to, message)
        self._refuse_sharing(service, to)
        async with self._ends(service, *settings) as ends:
            hosts = None
            if processes:
                hosts = RunningHosts(self.state, service, processes, ends.wheres[1])
            else:
                await self._bring_up_to_date(service, ends)
            moving = await self._move(service, ends, hosts, progress).run()
        missed = hosts.missed if hosts is not None else {}
        line = line_after(self.plan.file, self.topology, service, moving.setting)
        return Moved(moving, [name for name in processes if name not in missed], missed, line)

    async def check(self, service: str, to: str) -> Checked:
        """
        Make the tables at *to* by the service's migrations, try its statements, and remove them.

        Raises:
            MoveRefused: It cannot be moved there.
            MigrationFailed: A migration was not accepted there.
        """
        statements = noted_statements(statements_path(self.state, service))
        async with self._ends(service, *self._settings_of(service, to)) as ends:
            if not find_hosts(self.state, service):
                await self._bring_up_to_date(service, ends)
            move = self._move(service, ends, None, lambda *_: None)
            refused = await move.check(statements)
        return Checked(ends.target.place, len(statements), refused)

    async def confirm(self, service: str) -> Moving:
        """
        Remove the store that a move has left.

        Raises:
            MoveRefused: There is no move, it is not finished, or the old store is still configured.
        """
        moving, state = self._found(service)
        refuse_old_place(self.plan, self.state, self.topology, moving)
        async with self._ends(service, *moving.secrets) as ends:
            await confirm(state, moving, ends.source, ends.target)
        return moving

    async def abandon(self, service: str) -> Moving:
        """
        Give up a move that is not finished.

        Raises:
            MoveRefused: There is none, or it is finished.
        """
        moving, state = self._found(service)
        async with self._ends(service, *moving.secrets) as ends:
            await abandon(state, moving, ends.source, ends.target)
        return moving

    def _refuse_sharing(self, service: str, to: str) -> None:
        """Refuse a file for a service of which several replicas have the store open."""
        topologies = self.plan.topologies
        placed = topologies[self.topology].processes.values() if self.topology else ()
        for one in placed:
            if to == SQLITE and service in one.services and one.replicas > 1:
                message = (
                    f"process {one.name!r} of topology {self.topology!r} has {one.replicas} "
                    f"replicas, and a SQLite file of {service!r} has one writer. Let the process "
                    "have no replicas, start the topology anew, and move the store then."
                )
                raise MoveRefused(to, message)

    def _state_file(self, service: str) -> StateFile:
        return StateFile(self.state / STORE_FOLDER / f"{service}.move.json")

    def _found(self, service: str) -> tuple[Moving, StateFile]:
        state = self._state_file(service)
        moving = state.read()
        if moving is None:
            message = f"there is no move of {service!r}. outgrow store move {service} --to URL"
            raise MoveRefused(str(state.path), message)
        return moving, state

    def _move(
        self,
        service: str,
        ends: _Ends,
        hosts: RunningHosts | None,
        progress: Progress,
    ) -> Move:
        async def make_target() -> None:
            await self._open(service, ends.wheres[1])

        return Move(
            application=self.plan.application,
            service=service,
            source=ends.source,
            target=ends.target,
            setting=shown(ends.settings[1]),
            old_setting=shown(ends.settings[0]),
            secrets=ends.settings,
            state=self._state_file(service),
            make_target=make_target,
            hosts=hosts,
            clock=SystemClock(),
            progress=progress,
        )

    async def _bring_up_to_date(self, service: str, ends: _Ends) -> None:
        """Apply what the service's next start would apply; nobody else has it open then."""
        if await ends.source.meta() is None:
            return
        await ends.source.close()
        # A move that has left it goes on; any other says so itself.
        with suppress(StoreMoved):
            await self._open(service, ends.wheres[0])

    @asynccontextmanager
    async def _ends(self, service: str, old: str, new: str) -> AsyncIterator[_Ends]:
        async with AsyncExitStack() as stack:
            wheres = (
                await self._where(stack, service, old),
                await self._where(stack, service, new),
            )
            ends = [_end(service, where) for where in wheres]
            for end, setting in zip(ends, (old, new), strict=True):
                stack.push_async_callback(end.close)
                if setting == POSTGRES:  # Its socket is elsewhere at the next start.
                    end.place = embedded_place(self.plan.application, service)
            yield _Ends(ends[0], ends[1], (old, new), wheres)

    async def _where(self, stack: AsyncExitStack, service: str, setting: str) -> Path | str:
        """Where a store is of which outgrow.toml says *setting*."""
        application = self.plan.application
        if setting == POSTGRES:
            # Imported here: most stores live elsewhere.
            from outgrow.process.databases import Cluster, Kept  # noqa: PLC0415

            kept = Kept.read(self.state)
            cluster = Cluster(self.state / POSTGRES / "data")
            cluster.sockets = Path(kept.sockets) if kept.sockets else None
            if service in kept.roles and cluster.answers():
                # Its server runs already, beside the service.
                name = database_name(application, service)
                return cluster.url(name, name, kept.roles[service])
        places = await stack.enter_async_context(
            located(self.state, application, {service: setting})
        )
        return places[service]

    def _settings_of(self, service: str, to: str) -> tuple[str, str]:
        """What is configured of the store as it is, and of where it goes."""
        if service not in self.plan.services:
            raise InvalidTopology([unknown_service(self.plan, service)])
        if fault := fault_of(to):
            raise MoveRefused(shown(to), fault)
        configured = self.stores.get(service, SQLITE)
        moving = self._state_file(service).read()
        if moving is not None and shown(configured) == shown(to):
            # Where it is said to go was configured too early, or after the move before this one
            # it was not configured yet.
            is_finished = moving.step == "finished"
            configured = moving.secrets[1 if is_finished else 0]
        if shown(configured) == shown(to):
            message = (
                f"the store of {service!r} lives there already, as outgrow.toml or the environment "
                "say. If it was moved since, let them say where it is."
            )
            raise MoveRefused(shown(to), message)
        return configured, to

    async def _open(self, service: str, where: Path | str) -> None:
        """Open the store at *where* as the service does, and close it."""
        models = {model.name: model for model in load_services(self.plan, None)}
        async with AsyncExitStack() as stack:
            await open_service_store(
                stack,
                where,
                application=self.plan.application,
                service=service,
                package=models[service].package,
                clock=SystemClock(),
            )


def _end(service: str, where: Path | str) -> End:
    """The end of a move at *where* a store is opened."""
    if isinstance(where, Path):
        return SqliteEnd(where / f"{service}.sqlite3")
    try:
        from outgrow.store.postgres import PostgresEnd  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("postgres", "stores in PostgreSQL") from error
    return PostgresEnd(where)
