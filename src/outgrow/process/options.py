"""What may differ between runs of the same application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from outgrow.calls import InProcess, Reception, Transport
from outgrow.clock import Clock, SystemClock
from outgrow.contracts import ContractModel
from outgrow.journal import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """
    What one process hosts, as transports need it.

    Attributes:
        application: The application's name.
        models: The contracts that are kept here.
        reception: What lets calls in.
        clock: The application's clock.
    """

    application: str
    models: list[ContractModel]
    reception: Reception
    clock: Clock


TransportMaker = Callable[[Hosted], AbstractAsyncContextManager[Transport]]


@asynccontextmanager
async def in_process(hosted: Hosted) -> AsyncIterator[Transport]:
    """Services call each other in this process."""
    yield InProcess(hosted.reception)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What may differ between runs of the same application.

    Attributes:
        is_open: Whether everyone from outside is let in, without a name and with all permissions.
        state: The folder of stores and sockets; ``.outgrow`` beside the topology file if None.
        clock: What time it is.
        transport: How services call each other.
        source: Makes what handlers read instead of a journal; tests repeat events with it.
        is_test: Whether the control channel may move the clock and arm crash points.
    """

    is_open: bool = False
    state: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    transport: TransportMaker = in_process
    source: Callable[[Source], Source] | None = None
    is_test: bool = False
