"""The supervisor of one topology on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from outgrow.clock import SystemClock
from outgrow.errors import (
    DefinitionError,
    Finding,
    InvalidTopology,
    OutgrowError,
    ProcessFailed,
    StoreError,
)
from outgrow.gateway import Listener
from outgrow.identity import callers_of
from outgrow.process.apart import PLAINTEXT_TOLD
from outgrow.process.application import STATE_FOLDER
from outgrow.process.control import ControlChannel
from outgrow.process.databases import NAME as POSTGRES
from outgrow.process.databases import Embedded
from outgrow.process.holding import released, take_lock
from outgrow.process.inherited import ANSWER, LOADED, OPEN, READY, SERVING
from outgrow.process.options import Options
from outgrow.process.running import OPEN_TOLD
from outgrow.process.seating import SUPERVISOR, seating_path
from outgrow.process.supervision.certifying import Certifying
from outgrow.process.supervision.instance import Instance, Recipe
from outgrow.process.supervision.keeping import Keeper, ending
from outgrow.process.supervision.merging import Merged
from outgrow.process.supervision.nats import NAME, is_reachable, nats_recipe, shown
from outgrow.process.supervision.postgres import addresses, postgres_recipe, taken
from outgrow.process.supervision.renewing import Reasons, refusal, replace_all
from outgrow.process.supervision.seats import Seats, check_seats, remove_sockets, take_seats
from outgrow.process.supervision.verbs import supervisor_verbs
from outgrow.topology import Plan, Topology

BESIDE = (NAME, POSTGRES)
"""What runs beside the processes: before all of them, and after."""

OTHERS_SECONDS = 1.0
"""How long the others may take to say what is wrong with them, once one could not start."""

START_SECONDS_WARNED = 10.0
"""After which the log says what a start waits for."""

logger = logging.getLogger("outgrow.process")


def run_topology(
    plan: Plan, topology: Topology, options: Options, arguments: Sequence[str]
) -> bool:
    """
    Run all processes of *topology* until this one is told to end (Ctrl-C or SIGTERM).

    What is under way then is finished; a second signal does not wait for it. SIGHUP renews one
    process after another, and no request fails by that.

    Args:
        arguments: What is added to the command line of each process.

    Returns:
        Whether all processes ended in order.

    Raises:
        DefinitionError: The program is wrong; all findings of all processes.
        AlreadyRunning: Another supervisor has the state folder.
        ListenRefused: An address is taken.
        ProcessFailed: A process could not start; everything was stopped again.
        ExtraMissing: The broker is not installed.
    """
    state = (options.state or plan.folder / STATE_FOLDER).resolve()
    check_seats(plan, topology, state, is_open=options.is_open)
    with asyncio.Runner() as runner:
        return runner.run(_run(plan, topology, state, arguments, options))


async def _run(
    plan: Plan, topology: Topology, state: Path, arguments: Sequence[str], options: Options
) -> bool:
    told = _Told()
    told.listen()
    lock = await take_lock(state, topology.name)
    with released(lock), take_seats(plan, topology, state) as seats:
        async with taken(state, plan.application, topology.stores) as embedded:
            supervisor = Supervisor(plan, topology, state, told, options)
            return await supervisor.run(seats, lock, arguments, embedded)


class _Told:
    """What the supervisor is told by signals."""

    def __init__(self) -> None:
        self.to_end = asyncio.Event()
        self.to_renew = asyncio.Event()
        self.keepers: Iterable[Keeper] = ()
        self._is_at_terminal = sys.stderr.isatty()

    def listen(self) -> None:
        """Hear signals from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._renew)

    def _end(self) -> None:
        if self.to_end.is_set():
            # Whoever asks twice does not want to wait.
            logger.warning("told twice to end: what still runs is killed")
            for keeper in self.keepers:
                keeper.kill()
            os._exit(130)
        self.to_end.set()

    def _renew(self) -> None:
        if self._is_at_terminal and not sys.stderr.isatty():
            self.to_end.set()  # The terminal was closed.
        else:
            self.to_renew.set()


class Supervisor:
    """
    Keeps the processes of one topology running. Lives on one event loop, and runs once.

    Attributes:
        topology: What it runs.
        keepers: The broker and the processes by name, in the order in which they are started.
        seats: Where they answer.
        certifying: Who they are to each other; None if they speak in plain text.
    """

    def __init__(
        self, plan: Plan, topology: Topology, state: Path, told: _Told, options: Options
    ) -> None:
        self.topology = topology
        self.keepers: dict[str, Keeper] = {}
        self.seats: Seats | None = None
        self.certifying: Certifying | None = None
        self._url = ""
        self._plan = plan
        self._state = state
        self._told = told
        self._options = options
        self._embedded: Embedded | None = None
        self._clock = SystemClock()
        self._renewing = asyncio.Lock()

    async def run(
        self, seats: Seats, lock: int, arguments: Sequence[str], embedded: Embedded | None = None
    ) -> bool:
        """Run everything until the end; whether it ended in order."""
        self.seats = seats
        self._embedded = embedded
        is_terminal = sys.stderr.isatty()
        merged = Merged(sys.stderr.buffer, self._clock, is_terminal=is_terminal)
        error: OutgrowError | None = None
        in_order = True
        self._certify()
        recipes, self._url = self._recipes(seats, lock, arguments)
        async with asyncio.TaskGroup() as tasks:
            self.keepers = {
                r.name: Keeper(r, merged, self._clock, tasks, self._seat_all) for r in recipes
            }
            self._told.keepers = self.keepers.values()
            self._seat_all()
            async with self._control():
                try:
                    error = await self._work(tasks, self._url)
                finally:
                    in_order = await self._stop()
                    seating_path(self._state, self.topology.name).unlink(missing_ok=True)
                    remove_sockets(self.topology, self._state)
                    if self.certifying is not None:
                        self.certifying.remove()
        if error is not None:
            raise error
        logger.info("stopped")
        return in_order

    def _seat_all(self) -> None:
        """Write where all are, and who declares whom by what is loaded now."""
        assert self.seats is not None, "it runs"
        seating = msgspec.structs.replace(
            self.seats.seating(self._plan, self.topology, self._url),
            stores=addresses(
                self._state, self._plan.application, self.topology.stores, self._embedded
            ),
            identity="" if self.certifying is None else str(self.certifying.folder),
            callers=callers_of(chain.from_iterable(k.declared for k in self.keepers.values())),
        )
        seating.write(seating_path(self._state, self.topology.name))

    def _certify(self) -> None:
        """Give all a certificate, unless they are to speak in plain text."""
        if self._options.is_plaintext:
            return
        beside = [NAME] if self.topology.broker == NAME else []
        self.certifying = Certifying(
            self._plan.application, self.topology, self._state, self._clock, beside=beside
        )
        self.certifying.when_renewed(NAME, self._tell_broker)

    def _tell_broker(self) -> None:
        """Let the broker read its new certificate, for the connections that come."""
        keeper = self.keepers.get(NAME)
        if keeper is not None and keeper.instance is not None:
            keeper.instance.tell(signal.SIGHUP)

    async def renew(self, name: str | None = None) -> Reasons:
        """
        Replace the process *name*, or all, one after another; none if one cannot be loaded.

        Args:
            name: Of a process, all of whose replicas are replaced, or of one replica.

        Returns:
            By replica, why the new one takes no requests; None if it does.
        """
        assert self.seats is not None, "it runs"
        seats = self.seats.seats.values()
        names = [seat.name for seat in seats if name in (None, seat.process, seat.name)]
        async with self._renewing:
            refused = refusal(self._plan.file, self.topology, self.seats.seats)
            if refused is not None:
                logger.error("no process is replaced: %s", refused)
                return dict.fromkeys(names, refused)
            return await replace_all([self.keepers[each] for each in names])

    def _recipes(
        self, seats: Seats, lock: int, arguments: Sequence[str]
    ) -> tuple[list[Recipe], str]:
        """How everything is started, broker and databases first; and the URL of the broker."""
        recipes, url = [], self.topology.broker
        if self._embedded is not None:
            recipes.append(postgres_recipe(self._embedded, lock))
        if url == NAME:
            name = f"{self._plan.application}-{self.topology.name}"
            papers = self.certifying.folder / NAME if self.certifying else None
            recipe, url = nats_recipe(self._state, name, lock, self._clock, papers)
            recipes.append(recipe)
        command = (sys.executable, "-P", "-m", "outgrow", "run")
        recipes += [
            Recipe(
                name=name,
                command=(*command, f"{self.topology.name}/{name}", *arguments),
                http=seats.sockets[seat.process],
                lock=lock,
            )
            for name, seat in seats.seats.items()
        ]
        return recipes, url

    async def _work(self, tasks: asyncio.TaskGroup, url: str) -> OutgrowError | None:
        """Start everything, and keep it until the end; or why it could not be started."""
        starting = tasks.create_task(self._start(url))
        telling = tasks.create_task(self._told.to_end.wait())
        await asyncio.wait([starting, telling], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
        elif error := starting.result():
            telling.cancel()
            return error
        keeping = [tasks.create_task(keeper.keep()) for keeper in self.keepers.values()]
        renewing = [tasks.create_task(self._renew_when_told())]
        if self.certifying is not None:
            renewing.append(tasks.create_task(self.certifying.run()))
        await telling
        for task in renewing:
            task.cancel()
        logger.info("stopping", extra={"processes": len(keeping)})
        return None

    async def _start(self, url: str) -> OutgrowError | None:
        """Start everything, step by step, each step by all before the next; or why it failed."""
        beside = {n: k.launch() for n, k in self.keepers.items() if n in BESIDE}
        if failed := await _wait_all(beside, READY):
            return _failure(failed)
        if self._embedded is not None:
            try:
                await self._embedded.provide()
            except StoreError as error:
                return error
        if NAME not in self.keepers and not await is_reachable(url):
            told = "no NATS server answers at %s; events between processes wait until one does"
            logger.warning(told, shown(url))
        assert self.seats is not None
        processes = {name: self.keepers[name].launch() for name in self.seats.seats}
        for step, word in ((LOADED, OPEN), (SERVING, ANSWER), (READY, b"")):
            if failed := await _wait_all(processes, step):
                return _failure(failed)
            if step == LOADED:
                self._seat_all()
            for instance in processes.values():
                if word:
                    instance.say(word)
        self._tell_ready()
        return None

    def _tell_ready(self) -> None:
        assert self.seats is not None
        for name, placement in self.topology.processes.items():
            is_gateway = name == self.topology.gateway
            told = "all services" if is_gateway else ", ".join(placement.services)
            http, count = self.seats.seats[name].http, placement.replicas
            process = f"process {name}" if count == 1 else f"process {name}, {count} replicas,"
            logger.info("%s answers at http://%s for %s", process, http, told)
        if self._options.is_open:
            logger.warning(OPEN_TOLD)
        if self.certifying is None:
            logger.warning(PLAINTEXT_TOLD)
        logger.info("all ready", extra={"topology": self.topology.name, "pid": os.getpid()})

    async def _renew_when_told(self) -> None:
        while True:
            await self._told.to_renew.wait()
            self._told.to_renew.clear()
            done = await self.renew()
            logger.info(
                "renewed", extra={"processes": [n for n, why in done.items() if why is None]}
            )

    async def _stop(self) -> bool:
        """Stop the gateway first, then the others at once, then broker and databases."""
        seats = self.seats.seats.values() if self.seats is not None else ()
        gateway = self.topology.gateway
        gateways = [seat.name for seat in seats if seat.process == gateway]
        others = [seat.name for seat in seats if seat.process != gateway]
        in_order = True
        for names in (gateways, others, BESIDE):
            async with asyncio.TaskGroup() as tasks:
                ending_ = [
                    tasks.create_task(self.keepers[name].stop())
                    for name in names
                    if name in self.keepers
                ]
            in_order &= all(task.result() for task in ending_)
        return in_order

    @contextlib.asynccontextmanager
    async def _control(self) -> AsyncIterator[None]:
        path = self._state / "run" / f"{SUPERVISOR}.sock"
        channel = ControlChannel(supervisor_verbs(self, path.parent))
        listener = Listener(channel, path, self._clock, setting="--state")
        await listener.start()
        try:
            yield
        finally:
            await listener.stop()


async def _wait_all(instances: dict[str, Instance], step: str) -> dict[str, Instance]:
    """Wait until all have come to *step*; those that have ended before, as soon as one has."""
    async with asyncio.TaskGroup() as tasks:
        waiting = {
            tasks.create_task(instance.wait_step(step)): name
            for name, instance in instances.items()
        }
        pending = set(waiting)
        failed: dict[str, Instance] = {}
        while pending:
            seconds = OTHERS_SECONDS if failed and step != LOADED else START_SECONDS_WARNED
            done, pending = await asyncio.wait(
                pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not done and failed:
                break
            if not done:
                names = ", ".join(sorted(waiting[task] for task in pending))
                logger.warning("still waiting until these are %s: %s", step, names)
            failed |= {
                waiting[task]: instances[waiting[task]] for task in done if not task.result()
            }
        for task in pending:
            task.cancel()
    return failed


def _failure(failed: dict[str, Instance]) -> OutgrowError:
    """What those that could not start say, as one error; each finding once."""
    findings: dict[str, Finding] = {}
    texts = []
    for name, instance in failed.items():
        if instance.failure is None:
            told = f"{ending(instance.status)} before it was ready. Its log says more."
            texts.append(f"process {name!r} {told}")
        elif instance.failure.findings:
            findings |= {str(finding): finding for finding in instance.failure.findings}
        else:
            texts.append(f"process {name!r}: {instance.failure.text}")
    if findings:
        return DefinitionError(list(findings.values()))
    return ProcessFailed(sorted(failed), "\n".join(texts))


def find_topology(plan: Plan, name: str) -> Topology:
    """
    The topology *name* of *plan*.

    Raises:
        InvalidTopology: There is none.
    """
    if name in plan.topologies:
        return plan.topologies[name]
    finding = Finding(
        place=str(plan.file),
        message=f"no topology is called {name!r}.",
        remedy=f"Known: {', '.join(sorted(plan.topologies)) or 'none'}. "
        f"Write it as [topology.{name}], or run everything in one process: outgrow run.",
        slug="unknown-topology",
    )
    raise InvalidTopology([finding])
