"""The apart world: a process for each entry of the topology, real gRPC, and a real NATS."""

from __future__ import annotations

import asyncio
import shutil
import signal
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from outgrow.clock import ManualClock, SystemClock
from outgrow.context import new_id
from outgrow.errors import ControlError
from outgrow.identity import OUTSIDE
from outgrow.journal import WaitingKey
from outgrow.process import Options, Seat, Seating, start_application
from outgrow.process.apart import Apart
from outgrow.process.control import ask, ask_async
from outgrow.testing.databases import PostgresServer
from outgrow.testing.faults import Faults, Scattered, Standing, around
from outgrow.testing.hosts import HostProcess, Hosts, NatsProcess
from outgrow.testing.world import World
from outgrow.topology import (
    WEIGHT_DEFAULT,
    Address,
    Placement,
    Plan,
    Topology,
    read_topology,
    replica_name,
)

SETTLE_SECONDS_MAX = 30.0
DEATH_SECONDS_MAX = 2.0
LOOK_SECONDS = 0.02


class _SharedClock(ManualClock):
    """A clock that is moved in all processes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[HostProcess] = []

    def advance(self, seconds: float) -> None:
        """Move time forward, here and in each process that runs the application."""
        super().advance(seconds)
        for host in self.hosts:
            if host.is_alive:
                ask(host.control, "clock", advance_seconds=seconds)


class ApartWorld(World):
    """
    The tested application in several processes, as its topology divides it.

    The topology is the first in the file; without one, each service has a process of its own. The
    processes and NATS live as long as the test run; each test has a fresh application in them, with
    an environment, stores and subjects of its own. On SQLite no process has more than one replica.

    Args:
        replicas: How many each process has; as many as the topology says if None.
        has_proxies: Whether what processes say to each other passes through proxies, where faults
            can happen to their bytes.
    """

    def __init__(
        self,
        file: Path,
        state: Path,
        hosts: Hosts,
        *,
        replicas: int | None = None,
        has_proxies: bool = False,
    ) -> None:
        super().__init__("apart", file, state)
        self._scattered = Scattered(has_proxies=has_proxies)
        self._shared_clock = _SharedClock()
        self.clock = self._shared_clock
        self._plan = read_topology(file)
        self._topology = next(iter(self._plan.topologies.values()), one_each(self._plan))
        self._all = hosts
        self._hosts: dict[str, HostProcess] = {}
        self._environment = f"t{new_id().replace('-', '')}"
        self._replicas = replicas
        self._can_share = False

    async def keep_in(self, server: PostgresServer, *, all_services: bool) -> None:
        await super().keep_in(server, all_services=all_services)
        self._can_share = True

    async def start(self) -> None:
        """Start the application on the stores as they are, in all processes at once."""
        self._all.nats.start()
        names = [name for one in self._placements.values() for name in one.names]
        self._hosts = self._all.of(self._plan, names)
        self._shared_clock.hosts = list(self._hosts.values())
        self._certify()
        await self._scattered.open(self._standings(), self._all.nats.url)
        try:
            since = SystemClock().now()  # All begin before any service opens, as in a real start.
            async with asyncio.TaskGroup() as tasks:
                for host in self._hosts.values():
                    tasks.create_task(self._begin(host, since))
            await self._start_caller()
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise

    async def _start_caller(self) -> None:
        """An application that hosts nothing, so that the test can call."""
        options = Options(is_open=True, clock=self.clock, state=self.state, is_test=True)
        apart = Apart(self._seating(OUTSIDE), None, file=self._seating_file)
        apart.reroute = self._scattered.reroutes.get(OUTSIDE, {})
        apart.around = partial(around, self._scattered.book)
        options = apart.options(options)
        application = start_application(self._plan, options)
        self._application = await self._stack.enter_async_context(application)

    async def stop(self) -> None:
        """Stop the application in all processes; its stores stay."""
        await super().stop()
        async with asyncio.TaskGroup() as tasks:
            for host in self._hosts.values():
                if host.is_alive:
                    tasks.create_task(_end(host))
        self._shared_clock.hosts = []
        await self._scattered.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def faults(self) -> Faults:
        """What can go wrong between two services, and between a service and ``nats``."""
        return Faults(self._scattered)

    async def _settle(self) -> None:
        """Wait until nothing is left to do in any process."""
        before: list[int] = []
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            await self._wait_shared()
            while True:
                answers = await self._ask_all("settle")
                activity = [answer["activity"] for answer in answers]
                if activity != before:
                    before = activity
                    continue
                waits = [a["wait_seconds"] for a in answers if a["wait_seconds"] is not None]
                if not waits:
                    return
                self.clock.advance(min(waits))
                before = []

    async def _parked_keys(self) -> list[WaitingKey]:
        answers = await self._ask_all("waiting")
        keys = [key for a in answers for key in msgspec.convert(a["keys"], list[WaitingKey])]
        # Each replica tells all that its store holds.
        return list(
            {(k.consumer, k.source, k.key): k for k in keys if k.state == "parked"}.values()
        )

    async def _ask_all(self, verb: str) -> list[Any]:
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(ask_async(host.control, verb))
                for hosts in self._replicated().values()
                for host in [one for one in hosts if one.is_alive] or hosts
            ]
        return [task.result() for task in asked]

    def _replicated(self) -> dict[str, list[HostProcess]]:
        """The replicas of each process."""
        return {
            process: [self._hosts[name] for name in placement.names]
            for process, placement in self._placements.items()
        }

    async def _wait_shared(self) -> None:
        """Wait until those that live have taken over the shares of those that have died."""
        clock = SystemClock()
        for hosts in self._replicated().values():
            living = [host for host in hosts if host.is_alive]
            while living and living != hosts:
                told = await ask_async(living[0].control, "statistics")
                members = [one["members"] for one in told["replicas"].values()]
                if all(count <= len(living) for count in members):
                    break
                await clock.sleep(LOOK_SECONDS)

    async def crash(self, service: str, point: str, nth: int = 1, *, replica: int = 1) -> None:
        """Let a process that hosts *service* die when it passes *point* for the *nth* time."""
        await ask_async(self._host_of(service, replica).control, "crash", point=point, nth=nth)

    def kill(self, service: str, *, replica: int = 1) -> None:
        """End a process that hosts *service* at once, as ``kill -9`` does."""
        self._host_of(service, replica).kill()

    def freeze(self, service: str, *, replica: int = 1) -> None:
        """Stop a process that hosts *service* where it is, as SIGSTOP does."""
        self._host_of(service, replica).kill(signal.SIGSTOP)

    def thaw(self, service: str, *, replica: int = 1) -> None:
        """Let a process that hosts *service* go on."""
        self._host_of(service, replica).kill(signal.SIGCONT)

    async def died(self, service: str, *, replica: int = 1) -> None:
        """Return when a process that hosts *service* is gone."""
        await self._host_of(service, replica).died()

    async def revive(self, service: str, *, replica: int = 1) -> None:
        """Start a process that hosts *service* again, once it has died, on the same stores."""
        host = self._host_of(service, replica)
        await host.died()
        host.start()
        await asyncio.to_thread(host.wait_ready)
        await self._begin(host, SystemClock().now())

    @property
    def nats(self) -> NatsProcess:
        """The NATS server; who kills it starts it again."""
        return self._all.nats

    async def statistics(self, service: str, *, replica: int = 1) -> dict[str, Any]:
        """What a process that hosts *service* has counted, and its limits."""
        control = self._host_of(service, replica).control
        return await ask_async(control, "statistics")  # type: ignore[no-any-return]

    @property
    def _placements(self) -> dict[str, Placement]:
        """The processes, with as many replicas as they have here."""
        return {
            name: replace(placement, weights=self._weights(placement))
            for name, placement in self._topology.processes.items()
        }

    def _weights(self, placement: Placement) -> tuple[int, ...]:
        if self._can_share and self._replicas is None:
            return placement.weights
        return (WEIGHT_DEFAULT,) * (self._replicas or 1 if self._can_share else 1)

    def _host_of(self, service: str, replica: int = 1) -> HostProcess:
        """The process of *service*; a mistake in its name is a `ValueError` that tells what is."""
        hosting = {name: one for one in self._placements.values() for name in one.services}
        if service not in hosting:
            message = f"{service!r} is not in this application: {', '.join(sorted(hosting))}"
            raise ValueError(message)
        process = hosting[service]
        if not 1 <= replica <= process.replicas:
            message = f"there is no replica {replica} of {service!r}, but {process.replicas}"
            raise ValueError(message)
        return self._hosts[replica_name(process.name, replica)]

    async def _begin(self, host: HostProcess, since: datetime) -> None:
        await ask_async(
            host.control,
            "begin",
            file=str(self._plan.file),
            seating_file=str(self._seating_file),
            seating=msgspec.to_builtins(self._seating(host.name)),
            reroute=self._scattered.reroutes.get(host.name, {}),
            process=host.name,
            state=str(self.state),
            now=self.clock.now().isoformat(),
            since=since.isoformat(),
        )

    def _standings(self) -> dict[str, Standing]:
        return {
            name: Standing(
                process=seat.process,
                address=seat.calls,
                control=self._hosts[name].control,
                services=seat.services,
            )
            for name, seat in self._seating().seats.items()
        }

    def _seating(self, reader: str = "") -> Seating:
        """Where all processes are, as the process *reader* finds them."""
        seats = {
            name: Seat(
                process=process,
                replica=number,
                services=placement.services,
                calls=f"unix:{self._hosts[name].folder}/calls.sock",
                weight=weight,
            )
            for process, placement in self._placements.items()
            for number, (name, weight) in enumerate(
                zip(placement.names, placement.weights, strict=True), start=1
            )
        }
        return Seating(
            application=self._plan.application,
            topology=self._topology.name,
            environment=self._environment,
            broker=self._scattered.broker_of(reader, self._all.nats.url),
            gateway=None,
            seats=seats,
            stores=self.stores,
            discovery=self._topology.discovery,
            identity=str(self._folder),
        )

    @property
    def _folder(self) -> Path:
        """What processes show each other, and the seating, to which each adds what it declares."""
        return self._all.folder / self._environment

    @property
    def _seating_file(self) -> Path:
        return self._folder / "seating.json"

    def _certify(self) -> None:
        """Give a certificate to each process, and to the test that calls them."""
        # Imported here: most tests run in one process, and it is slow to import.
        from outgrow.identity.certificates import write_papers  # noqa: PLC0415

        seating = self._seating()
        for process in (*self._topology.processes, OUTSIDE):
            papers = self._all.authority.issue(seating.name_of(process))
            write_papers(self._folder / process, papers)
        seating.write(self._seating_file)


async def _end(host: HostProcess) -> None:
    """End the application in *host*, which may die of a crash point that waits at its end."""
    try:
        await ask_async(host.control, "end")
    except ControlError:
        try:
            async with asyncio.timeout(DEATH_SECONDS_MAX):
                await host.died()
        except TimeoutError:
            pass
        else:
            return
        raise


def one_each(plan: Plan) -> Topology:
    """The topology in which each service of *plan* has a process of its own."""
    http = Address(host="127.0.0.1", port=0)
    processes = {name: Placement(name=name, services=(name,), http=http) for name in plan.services}
    return Topology(name="apart", broker="nats", gateway=None, processes=processes)
