"""The other processes as this one finds and reaches them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from outgrow.calls import Transport
from outgrow.calls.reaching import Balanced, Budget, Retrying
from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.discovery import Directory, Endpoint, Following, StaticDirectory, following
from outgrow.errors import ExtraMissing
from outgrow.process.apart.connecting import Connections
from outgrow.process.apart.identifying import process_of
from outgrow.process.options import Hosted
from outgrow.process.seating import Seat, Seating
from outgrow.topology import STATIC


class Neighbours:
    """
    Reaches services of other processes, each at whichever endpoint the directory knows and answers.

    A service costs nothing before its first call.

    Args:
        seating: Says which process must answer for a service.
        connect: Makes a connection to an address, where a process must answer.

    Attributes:
        directory: Where everybody is.
    """

    def __init__(
        self,
        seating: Seating,
        directory: Directory,
        followed: Following,
        connect: Callable[[str, str], Transport],
        hosted: Hosted,
    ) -> None:
        self._seating = seating
        self.directory = directory
        self._followed = followed
        self._connections = Connections(connect)
        self._hosted = hosted
        self._balanced: dict[str, Balanced] = {}

    def reach(self, service: str) -> Transport:
        """A transport to *service*, wherever it is."""
        hosted = self._hosted
        settings = hosted.calls.of(service)
        process = process_of(self._seating, service)
        balanced = self._balanced[service] = Balanced(
            self._followed.of(service),
            lambda endpoint: self._connections.connect(endpoint.address, process),
            hosted.clock,
            budget=Budget(SystemClock(), share=settings.retries),
            ejects=settings.ejection,
        )
        return Retrying(balanced, hosted.clock, hosted.patience, balanced.budget)

    def statistics(self) -> dict[str, Any]:
        """What is known of the services that are called from here."""
        return {
            "directory": self._followed.statistics(),
            "connections": self._connections.count,
            "services": {name: one.statistics() for name, one in self._balanced.items()},
        }


def endpoints_of(seat: Seat, instance: str) -> Iterator[Endpoint]:
    """What the process in *seat* offers."""
    for service in seat.services:
        yield Endpoint(
            service=service,
            address=seat.calls,
            process=seat.process,
            instance=instance,
            weight=seat.weight,
        )


def offered_by(seat: Seat) -> list[Endpoint]:
    """What a process that is started now in *seat* offers; another instance each time."""
    return list(endpoints_of(seat, f"{seat.name}/{new_id()}"))


def written_down(seating: Seating) -> list[Endpoint]:
    """What all processes of *seating* offer, as it was known before any was started."""
    return [
        endpoint for seat in seating.seats.values() for endpoint in endpoints_of(seat, seat.name)
    ]


@asynccontextmanager
async def neighbours(
    seating: Seating, connect: Callable[[str, str], Transport], hosted: Hosted
) -> AsyncIterator[Neighbours]:
    """Find and reach the processes of *seating* until the end of the block."""
    async with _directory(seating) as directory, following(directory) as followed:
        yield Neighbours(seating, directory, followed, connect, hosted)


def _directory(seating: Seating) -> AbstractAsyncContextManager[Directory]:
    known = written_down(seating)
    if seating.discovery == STATIC:
        return _static(known)
    # Imported here: who finds everybody in the seating needs no NATS.
    try:
        from outgrow.discovery.nats import nats_directory  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing("nats", "a directory of processes") from error
    return nats_directory(seating.broker, seating.application, seating.environment, known=known)


@asynccontextmanager
async def _static(known: list[Endpoint]) -> AsyncIterator[Directory]:
    yield StaticDirectory(known)
