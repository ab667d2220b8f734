"""One process of several: how it calls the others, is called by them, and hears of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.calls import InProcess, Transport
from outgrow.calls.reaching import Routed
from outgrow.clock import Clock, SystemClock
from outgrow.discovery import keeping
from outgrow.errors import ExtraMissing, Finding, InvalidTopology
from outgrow.journal import BrokerMaker
from outgrow.journal import in_process as in_process_broker
from outgrow.process.apart.identifying import (
    KnownCallers,
    guard_of,
    identity_of,
    looked_at,
    told,
    with_own_broker,
)
from outgrow.process.apart.neighbours import Neighbours, neighbours, offered_by
from outgrow.process.health import telling
from outgrow.process.operations import is_of_operations
from outgrow.process.options import Hosted, Options
from outgrow.process.seating import Seating

if TYPE_CHECKING:
    from outgrow.calls.grpc import Revisions
    from outgrow.calls.protobuf import Converters
    from outgrow.identity.certificates import Guard

logger = logging.getLogger("outgrow.process")


class Apart:
    """
    What one process of a topology does otherwise than a process that hosts everything.

    Lives as long as the application that is started with its options; serves one application.

    Args:
        seating: Where all processes of the topology are.
        process: Which of them this is; None for one that hosts nothing and only calls.
        grace_seconds: How long calls of others may take to finish at the end.
        file: Where the seating stands, if it may be written anew; None if it does not change.

    Attributes:
        reroute: Where an address is really called, for tests that put something in between.
        around: Puts something around what calls one endpoint, for tests too.

    Raises:
        IdentityRefused: The key or the certificate of this process cannot be used.
    """

    def __init__(
        self,
        seating: Seating,
        process: str | None,
        *,
        grace_seconds: float = 10.0,
        file: Path | None = None,
    ) -> None:
        self._seating = seating = with_own_broker(seating, process)
        self._seat = None if process is None else seating.seats[process]
        self._grace_seconds = grace_seconds
        self._identity = identity_of(seating, self._seat.process if self._seat else None)
        self._callers = KnownCallers(seating, file)
        self._guard: Guard | None = None
        self._neighbours: Neighbours | None = None
        self.reroute: dict[str, str] = {}
        self.around: Callable[[Transport, Clock], Transport] = lambda transport, _: transport
        self._converters: Converters | None = None
        self._revisions: Revisions | None = None

    def options(self, options: Options) -> Options:
        """*options* for this process of the topology."""
        hosted = frozenset(self._seat.services if self._seat else ())
        return replace(
            options,
            process=self._seat.name if self._seat else options.process,
            replicas=len(self._seating.replicas_of(self._seat.process)) if self._seat else 1,
            environment=self._seating.environment,
            hosted=hosted,
            is_gateway=self._seat is None or self._seat.process == self._seating.gateway,
            transport=self.transport,
            server=self.server,
            broker=self._broker(),
            stores=self._seating.stores,
            identity=lambda: told(self._guard),
            neighbours=self._told_neighbours,
        )

    def _told_neighbours(self) -> dict[str, Any]:
        return {} if self._neighbours is None else self._neighbours.statistics()

    def _broker(self) -> BrokerMaker:
        """Who hosts nothing hears of nothing."""
        if self._seat is None:
            return in_process_broker
        # Imported here: who runs everything together needs no NATS.
        try:
            from outgrow.journal.nats import nats_broker  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ExtraMissing("nats", "events between processes") from error
        return nats_broker(self._seating.broker)

    @asynccontextmanager
    async def transport(self, hosted: Hosted) -> AsyncIterator[Transport]:
        """Calls inside this process by reference, to others by gRPC."""
        # Imported here: who runs everything together needs no gRPC, and it is slow to import.
        try:
            from outgrow.calls.grpc import GrpcTransport, Peer, Revisions  # noqa: PLC0415
            from outgrow.calls.protobuf import Converters, Messages  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ExtraMissing("grpc", "calls between processes") from error
        InvalidTopology.raise_if_any(self._nowhere(hosted))
        frozen = hosted.frozen
        messages = Messages(hosted.application, hosted.known, frozen.numbers)
        self._converters = converters = Converters(messages)
        self._revisions = revisions = Revisions(frozen.numbers, frozen.contracts)
        identity = self._identity

        def connect(address: str, process: str) -> Transport:
            peer = Peer(identity=identity, process=process) if identity else None
            transport = GrpcTransport(
                self.reroute.get(address, address),
                converters,
                hosted.clock,
                revisions=revisions,
                compression=hosted.calls.compression,
                peer=peer,
            )
            return self.around(transport, hosted.clock)

        own = frozenset(self._seat.services if self._seat else ())
        async with neighbours(self._seating, connect, hosted) as self._neighbours:
            routed = Routed(InProcess(hosted.reception), own, self._neighbours.reach)
            try:
                yield routed
            finally:
                hosted.patience.stop()
                await routed.close()

    def _nowhere(self, hosted: Hosted) -> list[Finding]:
        """The services that can be called from here, and are in no process of the seating."""
        services = sorted({model.service for model in hosted.known})
        seating = self._seating
        return [
            Finding(
                place=f"topology {seating.topology!r}",
                message=f"service {service!r} is hosted by none of its processes "
                f"({', '.join(sorted(seating.seats))}), but can be called from here.",
                remedy="Place it in the topology file, and start the topology anew.",
                slug="service-nowhere",
            )
            for service in services
            if seating.seat_of(service) is None
        ]

    @asynccontextmanager
    async def server(self, hosted: Hosted) -> AsyncIterator[None]:
        """Let calls of the other processes in."""
        if self._seat is None:
            yield
            return
        from outgrow.calls.grpc import GrpcServer  # noqa: PLC0415 - as above

        assert self._converters is not None, "the transport is opened first"
        assert self._revisions is not None, "as the converters"
        _warn_of_stale(hosted, self._revisions)
        if self._identity is not None:
            self._guard = guard_of(self._identity, self._callers)
        server = GrpcServer(
            self._converters,
            hosted.reception.bind,
            hosted.clock,
            revisions=self._revisions,
            guard=self._guard,
        )
        for model in hosted.models:
            server.admit(model)
        await server.start(self._seat.calls)
        assert self._neighbours is not None, "as the converters"
        try:
            async with (
                keeping(self._neighbours.directory, offered_by(self._seat)) as keeper,
                telling(hosted.health, server.tell_unready, keeper.set_unready),
            ):
                with looked_at(self._identity, SystemClock()):
                    yield
        finally:
            await server.drain(min(self._grace_seconds, hosted.seconds_left()))


def _warn_of_stale(hosted: Hosted, revisions: Revisions) -> None:
    """Say which contracts were changed since they were frozen: somebody meant them to be."""
    stale = [
        f"{model.service}.{model.name}"
        for model in hosted.known
        if model.service in hosted.frozen.services
        and not is_of_operations(model)
        and not revisions.of(model).is_frozen
    ]
    if stale:
        logger.warning(
            "not what is frozen: %s; processes of other revisions are refused. Run 'outgrow "
            "contract freeze' where the code is committed",
            ", ".join(stale),
        )
