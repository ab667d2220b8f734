"""The seam between journals and handlers that may live in other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from outgrow.journal.messages import Source
from outgrow.journal.reading import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """
    What one process gives a broker to carry.

    Attributes:
        application: The application's name.
        environment: Which of its environments this is; nothing passes from one to another.
        installation: What tells apart two that have the same name and environment by mistake: an id
            that all processes over the same stores share, of letters and digits.
        journals: The journals of the services that are hosted here, by service.
        events: The types of events that each of these services' contracts define, by service;
            only they leave the service.
        services: All services of the application, hosted here or elsewhere.
        former: The names that events of the hosted services had before, by their names of today.
        since: When this process began, in the machine's time; new handlers begin where the journals
            of others stood then, or later. None if they begin at the journals' ends.
    """

    application: str
    environment: str
    installation: str
    journals: Mapping[str, Journal]
    events: Mapping[str, frozenset[str]]
    services: frozenset[str]
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: datetime | None = None


class Broker(Protocol):
    """
    Carries events from journals to handlers, of this process and of others.

    The journal remains the one durable copy of what was recorded: a broker may lose what it holds,
    at any time, and nothing is lost.
    """

    def source(self, service: str) -> Source | None:
        """What a handler reads of *service*; None if nothing of it can ever arrive here."""

    async def statistics(self) -> dict[str, Any]:
        """Counts since the start, and limits; by names that end in their unit."""


BrokerMaker = Callable[[Carried], AbstractAsyncContextManager[Broker]]
"""
Opens a broker for one process, until the end of the block.

It is entered when the journals are open and before any handler is; from then on other processes
can read the journals.
"""


class InProcessBroker:
    """Handlers read the journals themselves: all services are in this process."""

    def __init__(self, journals: Mapping[str, Journal]) -> None:
        self._journals = journals

    def source(self, service: str) -> Source | None:
        return self._journals.get(service)

    async def statistics(self) -> dict[str, Any]:
        return {}


@asynccontextmanager
async def in_process(carried: Carried) -> AsyncIterator[Broker]:
    """The broker of an application whose services are all in one process."""
    yield InProcessBroker(carried.journals)
