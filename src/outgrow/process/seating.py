"""Where the processes of a topology are: written by who starts them, read by everyone else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outgrow.errors import ControlError
from outgrow.identity import OUTSIDE, Callers, Name
from outgrow.topology import STATIC, WEIGHT_DEFAULT, replica_name

RUN_FOLDER = "run"
SUPERVISOR = "supervisor"
"""The name of what starts the processes; no process may have it."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """
    One replica of a process, and where it answers.

    Attributes:
        process: The process's name in its topology.
        replica: Which of its replicas this is, from 1 on.
        services: Short names of the services that it hosts.
        weight: Its share of the calls, beside those of the others.
        calls: Where other processes call it: ``unix:<path>`` or ``<host>:<port>``.
        http: Where it answers HTTP, as ``host:port``; None if it does not.
    """

    process: str
    services: tuple[str, ...]
    calls: str
    http: str | None = None
    replica: int = 1
    weight: int = WEIGHT_DEFAULT

    @property
    def name(self) -> str:
        """What the replica is called; the first as the process itself."""
        return replica_name(self.process, self.replica)


class Seating(msgspec.Struct, frozen=True, kw_only=True):
    """
    The static seating of one topology on one machine.

    Addresses are chosen once and stay as they are when a process is started again.

    Attributes:
        topology: The topology's name.
        environment: Which of the application's environments this is.
        broker: The URL of the NATS server.
        gateway: The process that answers HTTP for all services, if one does.
        seats: The replicas of all processes by their names.
        stores: Where each service's store lives: ``sqlite``, or the URL of its database.
        discovery: How processes find each other: ``nats``, or ``static``, by this seating alone.
        identity: The folder with the keys and certificates of all processes, each in a folder of
            its name; empty if they speak in plain text.
        callers: By each service that is called, the services that declare it.
    """

    application: str
    topology: str
    environment: str
    broker: str
    gateway: str | None
    seats: dict[str, Seat]
    stores: dict[str, str] = {}
    discovery: str = STATIC
    identity: str = ""
    callers: dict[str, tuple[str, ...]] = {}

    def name_of(self, process: str) -> Name:
        """The name that *process* has in its certificate."""
        return Name(application=self.application, environment=self.environment, process=process)

    def policy(self) -> Callers:
        """Who may call whom: what is declared, and all to the gateway."""
        hosts = {seat.process: seat.services for seat in self.seats.values()}
        entrances = (OUTSIDE,) if self.gateway is None else (OUTSIDE, self.gateway)
        return Callers(declared=self.callers, hosts=hosts, entrances=entrances)

    def seat_of(self, service: str) -> Seat | None:
        """The first of `seats_of`; None if there is none."""
        return next(iter(self.seats_of(service)), None)

    def seats_of(self, service: str) -> list[Seat]:
        """All that host *service*: the replicas of one process."""
        return [seat for seat in self.seats.values() if service in seat.services]

    def replicas_of(self, process: str) -> list[Seat]:
        """All replicas of *process*."""
        return [seat for seat in self.seats.values() if seat.process == process]

    def write(self, path: Path) -> None:
        """Replace the file at *path*; who reads it sees the old or the new one, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        draft.replace(path)


def seating_path(state: Path, topology: str) -> Path:
    """Where the seating of *topology* stands, for an application whose state is in *state*."""
    return state / RUN_FOLDER / f"{topology}.json"


def read_seating(path: Path) -> Seating:
    """
    The seating that was written to *path*.

    Raises:
        ControlError: There is none, or it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seating)
    except FileNotFoundError as error:
        message = (
            f"{path}: the topology {path.stem!r} is not running. Start it: outgrow run {path.stem}"
        )
        raise ControlError(message) from error
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path}: the seating of the topology cannot be read: {error}"
        raise ControlError(message) from error
