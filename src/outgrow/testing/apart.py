"""The apart world: a process for each entry of the topology, real gRPC, and a real NATS."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from outgrow.clock import ManualClock, SystemClock
from outgrow.context import new_id
from outgrow.errors import ControlError
from outgrow.journal import WaitingKey
from outgrow.process import Apart, Options, Seat, Seating, start_application
from outgrow.process.control import ask, ask_async
from outgrow.testing.hosts import HostProcess, Hosts, NatsProcess
from outgrow.testing.world import World
from outgrow.topology import Address, Placement, Plan, Topology, read_topology

SETTLE_SECONDS_MAX = 30.0
DEATH_SECONDS_MAX = 2.0


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
    The tested application in several processes, one for each entry of its topology.

    The topology is the first in the file; without one, each service has a process of its own. The
    processes and NATS live as long as the test run; each test has a fresh application in them, with
    an environment, stores and subjects of its own.
    """

    def __init__(self, file: Path, state: Path, hosts: Hosts) -> None:
        super().__init__("apart", file, state)
        self._shared_clock = _SharedClock()
        self.clock = self._shared_clock
        self._plan = read_topology(file)
        self._topology = next(iter(self._plan.topologies.values()), one_each(self._plan))
        self._all = hosts
        self._hosts: dict[str, HostProcess] = {}
        self._environment = f"t{new_id().replace('-', '')}"

    async def start(self) -> None:
        """Start the application on the stores as they are, in all processes at once."""
        self._all.nats.start()
        self._hosts = self._all.of(self._plan, list(self._topology.processes))
        self._shared_clock.hosts = list(self._hosts.values())
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
        options = Apart(self._seating(), None).options(options)
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

    async def _settle(self) -> None:
        """Wait until nothing is left to do in any process."""
        before: list[int] = []
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
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
        return [key for key in keys if key.state == "parked"]

    async def _ask_all(self, verb: str) -> list[Any]:
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(ask_async(host.control, verb)) for host in self._hosts.values()
            ]
        return [task.result() for task in asked]

    async def crash(self, service: str, point: str, nth: int = 1) -> None:
        """Let the process that hosts *service* die when it passes *point* for the *nth* time."""
        await ask_async(self._host_of(service).control, "crash", point=point, nth=nth)

    def kill(self, service: str) -> None:
        """End the process that hosts *service* at once, as ``kill -9`` does."""
        self._host_of(service).kill()

    def freeze(self, service: str) -> None:
        """Stop the process that hosts *service* where it is, as SIGSTOP does."""
        self._host_of(service).kill(signal.SIGSTOP)

    def thaw(self, service: str) -> None:
        """Let the process that hosts *service* go on."""
        self._host_of(service).kill(signal.SIGCONT)

    async def died(self, service: str) -> None:
        """Return when the process that hosts *service* is gone."""
        await self._host_of(service).died()

    async def revive(self, service: str) -> None:
        """Start the process that hosts *service* again, once it has died, on the same stores."""
        host = self._host_of(service)
        await host.died()
        host.start()
        await asyncio.to_thread(host.wait_ready)
        await self._begin(host, SystemClock().now())

    @property
    def nats(self) -> NatsProcess:
        """The NATS server; who kills it starts it again."""
        return self._all.nats

    def _host_of(self, service: str) -> HostProcess:
        return self._hosts[self._topology.process_of(service)]

    async def _begin(self, host: HostProcess, since: datetime) -> None:
        await ask_async(
            host.control,
            "begin",
            file=str(self._plan.file),
            seating=msgspec.to_builtins(self._seating()),
            process=host.name,
            state=str(self.state),
            now=self.clock.now().isoformat(),
            since=since.isoformat(),
        )

    def _seating(self) -> Seating:
        seats = {
            name: Seat(
                process=name,
                services=placement.services,
                calls=f"unix:{self._hosts[name].folder}/calls.sock",
            )
            for name, placement in self._topology.processes.items()
        }
        return Seating(
            application=self._plan.application,
            topology=self._topology.name,
            environment=self._environment,
            broker=self._all.nats.url,
            gateway=None,
            seats=seats,
            stores=self.stores,
        )


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
