"""What may differ between runs of the same application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from outgrow.calls import InProcess, Patience, Reception, Transport
from outgrow.clock import Clock, SystemClock
from outgrow.contracts import ContractModel
from outgrow.journal import BrokerMaker, Source
from outgrow.journal import in_process as in_process_broker
from outgrow.process.freezing import Frozen
from outgrow.process.health import Health
from outgrow.topology import Calls

DRAIN_SECONDS_MAX = 10.0
"""How long what is under way may take at the end, in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """
    What one process hosts, as transports need it.

    Attributes:
        application: The application's name.
        models: The contracts that are kept here.
        known: All contracts that can be called from here, kept here or elsewhere.
        frozen: What the committed files say of them.
        reception: What lets calls in.
        clock: The application's clock.
        patience: How long processes that are not there are waited for.
        seconds_left: Tells how long what is under way may still take at the end.
        health: Which of its services are ready.
        calls: What the topology file says of how services are called.
    """

    application: str
    models: list[ContractModel]
    known: list[ContractModel]
    frozen: Frozen
    reception: Reception
    clock: Clock
    patience: Patience = field(default_factory=Patience)
    seconds_left: Callable[[], float] = lambda: DRAIN_SECONDS_MAX
    health: Health = field(default_factory=Health)
    calls: Calls = field(default_factory=Calls)


TransportMaker = Callable[[Hosted], AbstractAsyncContextManager[Transport]]


@asynccontextmanager
async def in_process(hosted: Hosted) -> AsyncIterator[Transport]:
    """Services call each other in this process."""
    yield InProcess(hosted.reception)


Server = Callable[[Hosted], AbstractAsyncContextManager[None]]
"""Lets calls of other processes in until the end of the block, and then lets them finish."""


@asynccontextmanager
async def nobody(_: Hosted) -> AsyncIterator[None]:
    """No other process calls."""
    yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What may differ between runs of the same application.

    Attributes:
        is_open: Whether everyone from outside is let in, without a name and with all permissions.
        state: The folder of stores and sockets; ``.outgrow`` beside the topology file if None.
        clock: What time it is.
        process: The name of this process in its topology: of a replica, if there are several.
        environment: Which of the application's environments this is; processes of one environment
            hear each other's events.
        replicas: How many processes host the same services, this one included.
        hosted: The services that are hosted here; all if None.
        is_gateway: Whether all services can be called from here, and by HTTP at its edge; otherwise
            those that the hosted services ask for, and by HTTP those that are hosted.
        transport: How services call each other.
        server: How calls from other processes come in.
        broker: How handlers hear of what is recorded elsewhere.
        source: Makes what handlers read instead of a journal; tests repeat events with it.
        since: From when on its new handlers hear what services of other processes record while they
            open, in the machine's time; from the making of the application on if None.
        stores: Where the stores of services live instead of where the plan says, by service:
            ``sqlite`` or the URL of a database.
        is_plaintext: Whether processes call each other without certificates.
        is_abandoning: Whether sagas are left stuck whose code is not here, instead of no start.
        is_test: Whether the control channel may move the clock and arm crash points.
        identity: What statistics say of who this process is to the others.
        neighbours: What they say of the processes that are called from here.
    """

    is_open: bool = False
    state: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    process: str = "main"
    environment: str = "local"
    replicas: int = 1
    hosted: frozenset[str] | None = None
    is_gateway: bool = True
    transport: TransportMaker = in_process
    server: Server = nobody
    broker: BrokerMaker = in_process_broker
    source: Callable[[Source], Source] | None = None
    since: datetime | None = None
    stores: Mapping[str, str] | None = None
    is_plaintext: bool = False
    is_abandoning: bool = False
    is_test: bool = False
    identity: Callable[[], dict[str, Any]] = dict
    neighbours: Callable[[], dict[str, Any]] = dict
