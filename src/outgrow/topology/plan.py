"""What ``outgrow.toml`` says, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from outgrow.topology.calls import Calls

ENVIRONMENT = "local"
"""The environment of who names none."""

NATS: Final = "nats"
"""The NATS server of the topology: its broker, and its directory unless it says otherwise."""

STATIC: Final = "static"
"""A directory that the supervisor writes down before it starts anything."""

REPLICAS_MAX: Final = 32
"""The most replicas of a process: events are divided among them by as many partitions."""

WEIGHT_DEFAULT: Final = 100
"""The weight of a replica of which nothing is said."""

WEIGHT_MAX: Final = 1000
"""The most that a weight can be."""


def replica_name(process: str, number: int) -> str:
    """What the replica of *process* with this *number* is called: ``back``, ``back.2``."""
    return process if number == 1 else f"{process}.{number}"


def process_of(replica: str) -> str:
    """The process of which *replica* is one."""
    return replica.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    A host and port to listen on.

    Attributes:
        host: A name or address.
        port: 0 lets the system choose.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """
    One process of a topology.

    Attributes:
        name: The process's name.
        services: Short names of the services that it hosts, in the order of ``[app] services``.
        http: Where it answers HTTP for its own services; port 0 is chosen.
        weights: Of each of its replicas, its share of the calls beside those of the others.
    """

    name: str
    services: tuple[str, ...]
    http: Address
    weights: tuple[int, ...] = (WEIGHT_DEFAULT,)

    @property
    def replicas(self) -> int:
        """How many processes it is."""
        return len(self.weights)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its replicas; the first is called as the process itself."""
        return tuple(replica_name(self.name, number + 1) for number in range(self.replicas))


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """
    How the services are divided into processes.

    Attributes:
        name: What ``outgrow run`` is given.
        broker: ``nats`` for one that is started with the processes, or the URL of a NATS server.
        gateway: The process that answers HTTP for all services; None if none does.
        processes: The processes by name. Each service is placed in exactly one.
        environment: Whose events it hears: those of the same application and environment.
        stores: Where each service's store lives: ``sqlite``, ``postgres`` for the server that is
            started with the processes, or a URL.
        discovery: How processes find each other: ``nats`` or ``static``.
    """

    name: str
    broker: str
    gateway: str | None
    processes: dict[str, Placement]
    environment: str = ENVIRONMENT
    stores: dict[str, str] = field(default_factory=dict)
    discovery: str = NATS

    def process_of(self, service: str) -> str:
        """The name of the process that hosts *service*."""
        return next(p.name for p in self.processes.values() if service in p.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The wish: which services there are and where they should live.

    Attributes:
        file: The topology file.
        application: The application's name.
        services: Dotted package of each service by its short name, in the order of the file.
        http: Where the application answers HTTP; None if it does not.
        settings: What the file says in ``[settings.<service>]``, by service.
        topologies: What the file says in ``[topology.<name>]``, by name.
        stores: Where each service's store lives while everything runs together; as in a topology.
        calls: What the file says in ``[calls]``: how services are called.
    """

    file: Path
    application: str
    services: dict[str, str]
    http: Address | None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    topologies: dict[str, Topology] = field(default_factory=dict)
    stores: dict[str, str] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)

    @property
    def folder(self) -> Path:
        """The folder of the file: services are imported from it, and state is kept below it."""
        return self.file.parent
