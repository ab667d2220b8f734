"""A running application: its services, wired to each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from outgrow import crash
from outgrow.calls import DEADLINE_SECONDS_DEFAULT, Ending, Reception, decode_arguments
from outgrow.clock import SystemClock
from outgrow.context import ALL_PERMISSIONS, SYSTEM, Caller, Context
from outgrow.contracts import (
    ContractModel,
    event_names,
    is_contract,
    place_at,
    place_of,
    public_events,
    service_name,
)
from outgrow.contracts.descriptions import ServiceDescription
from outgrow.errors import InvalidTopology, ServiceNotOpened, ServiceUnreachable, StoreRefused
from outgrow.journal import Carried, Delivery, Inbox, KnownConsumer, Overview
from outgrow.process.freezing import describe_services, read_frozen
from outgrow.process.health import Health
from outgrow.process.loading import load_contracts, load_services
from outgrow.process.operations import Operations
from outgrow.process.options import DRAIN_SECONDS_MAX, Hosted, Options
from outgrow.process.service import ServiceModel
from outgrow.process.stores import (
    STORE_FOLDER,
    HostedStore,
    installation_id,
    located_at_start,
    open_service_store,
    sharing_findings,
)
from outgrow.process.wiring import Clients, build_service, fill_all_settings
from outgrow.store import Store
from outgrow.telemetry import Meters, place_raised
from outgrow.topology import SQLITE, Plan, method_findings, read_topology

if TYPE_CHECKING:
    from outgrow.gateway import Edge, Headers
    from outgrow.sagas.driving import Hosting

T = TypeVar("T")

STATE_FOLDER = ".outgrow"
OPEN_SECONDS_MAX = 30.0

logger = logging.getLogger("outgrow.process")


class Application:
    """
    An application as it runs in this program: all of its services, or those of one process.

    Made by `start`; lives until the end of its ``async with``.

    Attributes:
        name: What ``[app] name`` says.
        asgi: Its HTTP interface, to serve or to mount. Answers while the application runs.
        health: How far it is, and which of its services are ready.
        http: Where that is served, as a URL; None if it is not, or by the program around it.
        since: When the application was made.
        stores: Those of the services here, by service, for their operator.
        sagas: What runs their sagas.
    """

    asgi: Edge

    def __init__(self, plan: Plan, options: Options) -> None:
        self.name = plan.application
        self.plan = plan
        self.options = options
        self.clock = options.clock
        self.http: str | None = None
        self.since = SystemClock().now()
        self.state: Path = options.state or plan.folder / STATE_FOLDER
        self.frozen = read_frozen(plan.folder)
        self.services = load_services(plan, options.hosted)
        _refuse_sharing(plan, options, self.services)
        self.models = plan.calls.apply(m for s in self.services for m in s.contracts)
        elsewhere = load_contracts(plan, self.services, is_complete=options.is_gateway)
        self.known = [*self.models, *plan.calls.apply(elsewhere)]
        InvalidTopology.raise_if_any(method_findings(plan.calls, self.known))
        self.meters = Meters()
        self.health = Health()
        self._settings = fill_all_settings(plan, self.services)
        self._reception = Reception(self.clock, self.meters, plan.calls.concurrency)
        reached = self.known if options.is_gateway else self.models
        self._operations = Operations(self.services, reached)
        self._hosted = Hosted(
            application=self.name,
            models=[*self.models, *self._operations.kept],
            known=[*self.known, *self._operations.known],
            frozen=self.frozen,
            reception=self._reception,
            clock=self.clock,
            seconds_left=self.seconds_left,
            health=self.health,
            calls=plan.calls,
        )
        self._clients = Clients(self.known, self.clock)
        self._at_edge = Ending(self._clients.bind)
        self._methods = {m.full_name: m for model in self.known for m in model.methods.values()}
        self._delivery = Delivery(self.clock, options.source)
        self.sagas = _hosting(self._call_sent)
        self._stores: dict[str, Store] = {}
        self.stores: dict[str, HostedStore] = {}
        self._end_by: float | None = None

    def client(self, contract: Callable[..., T], *, caller: Caller = SYSTEM) -> T:
        """
        A client of *contract*, to call the application from the program around it.

        Args:
            contract: A contract that one of its services keeps.
            caller: Who calls, where no execution is going on that knows it; by default the system
                itself, which may do everything.

        Raises:
            LookupError: No service of the application keeps the contract.
        """
        if not is_contract(contract) or not self._clients.knows(contract):  # type: ignore[arg-type]
            raise _not_kept(self.name, contract, self.known)
        return self._clients.make(contract, caller=caller)  # type: ignore[arg-type,return-value]

    async def settle(self) -> float | None:
        """
        Wait until nothing is left to do: no call under way, all events delivered.

        Returns:
            Seconds until the earliest retry of what failed; None if nothing waits for one.
        """
        await self._reception.wait_idle()
        while True:
            before = await self.activity()
            dues = [await self._delivery.settle(), await self.sagas.settle()]
            if await self.activity() == before:
                return min((due for due in dues if due is not None), default=None)

    async def activity(self) -> int:
        """
        A number that grows with everything that happens here.

        If it is the same before and after all processes of an application have settled, nothing
        went from one to another meanwhile.
        """
        calls = sum(one.calls for one in self.meters.statistics().values())
        return calls + self.sagas.activity() + await self._delivery.activity()

    async def statistics(self) -> dict[str, Any]:
        """What was counted since the start, and the limits, by what it is about."""
        return {
            "calls": self.meters.statistics(),
            **self._reception.statistics(),
            "settings": self.plan.calls.shown(self.models),
            "unreachable": self._hosted.patience.statistics(),
            "stores": {name: store.statistics() for name, store in self._stores.items()},
            "consumers": await self._delivery.statistics(),
            "timers": await self._delivery.timers(),
            "inboxes": await self._delivery.inboxes(),
            "sagas": await self.sagas.statistics(),
            "replicas": self._delivery.replicas(),
            "broker": await self._delivery.broker_statistics(),
            "identity": self.options.identity(),
            "neighbours": self.options.neighbours(),
        }

    @property
    def delivery(self) -> Delivery:
        """What services must still hear of or be told, and what an operator asks and decides."""
        return self._delivery

    @property
    def overview(self) -> Overview:
        """The journals and consumers of this process, for its operator."""
        return self._delivery.overview

    async def consumers(self) -> list[KnownConsumer]:
        """The consumers that run here, and those that have left rows and have no code any more."""
        return await self.overview.consumers(await self._delivery.statistics())

    async def replay(self, consumer: str, key: str | None) -> int:
        """
        Try again what is parked or waits for *consumer* under *key*; how many messages that are.

        Args:
            consumer: ``service.method`` of a handler, or ``service -> service`` of sent commands.
            key: The events' key; the id of what has none; None for all keys.

        Raises:
            ControlError: There is no such consumer.
        """
        return await self._delivery.replay(consumer, key)

    def describe(self) -> dict[str, ServiceDescription]:
        """What the services here promise, by their names."""
        return describe_services(self.name, self.models, self.frozen)

    def guarded_methods(self) -> list[str]:
        """The methods that can be reached by HTTP with a permission only."""
        return [m.full_name for m in self._methods.values() if m.http is not None and m.allow]

    def set_draining(self) -> None:
        """Say to whoever asks that no new requests should come; the time to finish begins."""
        if self._end_by is None:
            self._end_by = asyncio.get_running_loop().time() + DRAIN_SECONDS_MAX
        crash.at("application.draining")
        self.health.stop()
        self._hosted.patience.stop()
        self._at_edge.end_all()
        self.sagas.drain()

    def seconds_left(self) -> float:
        """How long what is under way may still take; all the time there is, before the end."""
        if self._end_by is None:
            return DRAIN_SECONDS_MAX
        return max(0.0, self._end_by - asyncio.get_running_loop().time())

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Open everything, run until the block ends, finish what is under way, close everything."""
        async with AsyncExitStack() as stack:
            inboxes = await self._open_stores(stack)
            installation = await asyncio.to_thread(installation_id, self.state)
            broker = self.options.broker(self._carried(installation))
            self._delivery.connect(await stack.enter_async_context(broker))
            services = self._build(inboxes)
            transport = await stack.enter_async_context(self.options.transport(self._hosted))
            self._clients.connect(transport.bind)
            self.asgi = self._edge()
            await self._delivery.open()
            await self.sagas.open(is_abandoned=self.options.is_abandoning)
            await _open_services(stack, services)
            async with self._delivering():
                self.health.start()
                try:
                    yield
                finally:
                    self.set_draining()

    def serve(self) -> AbstractAsyncContextManager[None]:
        """Let calls of other processes in until the end of the block, and let them finish."""
        return self.options.server(self._hosted)

    def _carried(self, installation: str) -> Carried:
        # Asked of the package: a service may have events and no methods that others call.
        names = {s.name: map(event_names, public_events(s.package)) for s in self.services}
        return Carried(
            application=self.name,
            environment=self.options.environment,
            installation=installation,
            journals=self._delivery.journals,
            events={service: frozenset(chain(*public)) for service, public in names.items()},
            former={k: v for s in self.services for k, v in _former_names(s.package).items()},
            services=frozenset(self.plan.services),
            since=self.options.since or self.since,
        )

    def _edge(self) -> Edge:
        from outgrow.gateway import Edge  # noqa: PLC0415 - as above

        edge = Edge(
            self.name,
            self.known if self.options.is_gateway else self.models,
            self._at_edge.bind,
            self.clock,
            health=self.health,
            authenticate=partial(_let_in, self.options),
        )
        edge.tell_of_operations(partial(self._operations.find, self._clients.bind))
        return edge

    async def _open_stores(self, stack: AsyncExitStack) -> dict[str, Inbox]:
        """One store for each service that asks for one, closed last."""
        inboxes = {}
        folder = self.state / STORE_FOLDER
        await _make(folder)
        packages = {s.name: s.package for s in self.services if s.store is not None}
        said = self.plan.stores if self.options.stores is None else self.options.stores
        wanted = {name: said.get(name, SQLITE) for name in packages}
        places = await stack.enter_async_context(located_at_start(self.state, self.name, wanted))
        for name, package in packages.items():
            store, outbox = await open_service_store(
                stack,
                places[name],
                application=self.name,
                service=name,
                package=package,
                clock=self.clock,
            )
            self._stores[name] = store
            self.stores[name] = HostedStore(store=store, outbox=outbox, package=package)
            former = _former_names(package)
            inboxes[name] = self._delivery.host(store, outbox, self._call_sent, former)
        return inboxes

    def _build(self, inboxes: dict[str, Inbox]) -> list[Any]:
        """The services, admitted to the reception and listening."""
        built = []
        for model in self.services:
            service = build_service(
                model, self._clients, self._stores.get(model.name), self._settings
            )
            for contract in model.contracts:
                self._reception.admit(contract, service, inboxes.get(model.name))
            self._delivery.subscribe(model.name, service)
            if model.name in self.stores:
                outbox = self.stores[model.name].outbox
                self.sagas.host(service, outbox, self._delivery.replica(model.name))
            self.health.watch(model.name, self._stores.get(model.name), service, model.contracts)
            built.append(service)
        self._operations.admit(self._reception, self.sagas)
        return built

    @asynccontextmanager
    async def _delivering(self) -> AsyncIterator[None]:
        """Deliver events and commands meanwhile."""
        raised: BaseException | None = None
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(self._delivery.run())
            working = tasks.create_task(self.sagas.run())
            looking = tasks.create_task(self.health.run())
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - raised again, without a group around it
                raised = error
            looking.cancel()
            self._delivery.stop()
            try:
                async with asyncio.timeout_at(self._end_by):
                    await self._reception.wait_idle()
                    self.sagas.stop()
                    await asyncio.wait([delivering, working])
            except TimeoutError:
                # A sent command that is cut off is sent again after the next start.
                logger.warning("not all ended", extra={"in_flight": self._reception.in_flight})
                self.sagas.stop()
                delivering.cancel()
        if raised is not None:
            raise raised

    async def _call_sent(self, name: str, context: Context, body: bytes) -> Any:
        """Deliver a command that a service sent."""
        method = self._methods.get(name)
        if method is None:
            raise ServiceUnreachable(name, "no service has such a method", may_have_run=False)
        seconds = method.deadline_seconds or DEADLINE_SECONDS_DEFAULT
        context.deadline = self.clock.monotonic() + seconds
        return await self._clients.bind(method)(context, *decode_arguments(method, body))


def _refuse_sharing(plan: Plan, options: Options, services: list[ServiceModel]) -> None:
    """
    Refuse to be one of several replicas over stores that only one process can open.

    Raises:
        InvalidTopology: Which stores those are.
    """
    stored = [service.name for service in services if service.store is not None]
    stores = plan.stores if options.stores is None else options.stores
    InvalidTopology.raise_if_any(sharing_findings(str(plan.file), options.replicas, stored, stores))


def _not_kept(application: str, contract: object, known: list[ContractModel]) -> LookupError:
    kept = ", ".join(sorted(model.name for model in known))
    name = getattr(contract, "__name__", repr(contract))
    return LookupError(f"{name} is kept by no service of {application!r}. Kept are: {kept}.")


def _former_names(package: str) -> dict[str, tuple[str, ...]]:
    """The names that the events of a service had before, by their names of today."""
    names = [event_names(event) for event in public_events(package)]
    return {today: tuple(former) for today, *former in names if former}


def _let_in(options: Options, _: Headers) -> Caller:
    """Everyone is anonymous; with ``--open``, with all permissions."""
    return Caller(permissions=ALL_PERMISSIONS if options.is_open else frozenset())


def _hosting(send: Callable[[str, Context, bytes], Awaitable[Any]]) -> Hosting:
    # Imported here, so that a program that only defines services starts sooner.
    from outgrow.sagas.driving import Hosting  # noqa: PLC0415

    return Hosting(send)


async def _make(folder: Path) -> None:
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder of the stores cannot be made: {error}. Choose another state."
        raise StoreRefused(str(folder), message) from error


async def _open_services(stack: AsyncExitStack, services: list[Any]) -> None:
    """Await each service's ``open``, in the plan's order, and its ``close`` in the reverse."""
    for service in services:
        close = getattr(service, "close", None)
        if close is not None:
            stack.push_async_callback(close)
        opening = getattr(service, "open", None)
        if opening is not None:
            await _open(service, opening)


async def _open(service: Any, opening: Callable[[], Awaitable[None]]) -> None:
    """
    Await the *opening* of *service*.

    Raises:
        ServiceNotOpened: It raised, or took too long.
    """
    name, timeout = service_name(type(service).__module__), asyncio.timeout(OPEN_SECONDS_MAX)
    try:
        async with timeout:
            await opening()
    except Exception as error:
        raised = place_raised(error)
        place = place_of(type(service).open) if raised is None else place_at(*raised)
        text = f"{type(error).__name__}: {error}".removesuffix(": ").removesuffix(".")
        if timeout.expired():
            text = f"it took longer than {OPEN_SECONDS_MAX:g} s"
        raise ServiceNotOpened(name, text, place) from error


@asynccontextmanager
async def start_application(plan: Plan, options: Options) -> AsyncIterator[Application]:
    """
    The running application of *plan*; stopped at the end of the block.

    Raises:
        DefinitionError: The program is wrong; nothing was started.
        StoreRefused: A store could not be opened.
    """
    application = Application(plan, options)
    async with application.run():
        yield application


@asynccontextmanager
async def start(
    file: str | Path = "outgrow.toml", *, state: str | Path | None = None, is_open: bool = False
) -> AsyncIterator[Application]:
    """
    Run an application inside this program: ``async with outgrow.start() as app``.

    Args:
        file: The topology file.
        state: The folder of its stores; ``.outgrow`` beside the file if None.
        is_open: Whether everyone who comes by HTTP is let in, with all permissions.

    Raises:
        DefinitionError: The program is wrong; nothing was started.
        StoreRefused: A store could not be opened.
    """
    options = Options(is_open=is_open, state=Path(state) if state else None)
    async with start_application(read_topology(Path(file)), options) as application:
        yield application
