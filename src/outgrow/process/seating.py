"""Where the processes of a topology are: written by who starts them, read by everyone else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outgrow.errors import ControlError

RUN_FOLDER = "run"
SUPERVISOR = "supervisor"
"""The name of what starts the processes; no process may have it."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """
    One process, and where it answers.

    Attributes:
        services: Short names of the services that it hosts.
        calls: Where other processes call it: ``unix:<path>`` or ``<host>:<port>``.
        http: Where it answers HTTP, as ``host:port``; None if it does not.
    """

    process: str
    services: tuple[str, ...]
    calls: str
    http: str | None = None


class Seating(msgspec.Struct, frozen=True, kw_only=True):
    """
    The static seating of one topology on one machine.

    Addresses are chosen once and stay as they are when a process is started again.

    Attributes:
        topology: The topology's name.
        environment: Which of the application's environments this is.
        broker: The URL of the NATS server.
        gateway: The process that answers HTTP for all services, if one does.
        seats: The processes by name.
        stores: Where each service's store lives: ``sqlite``, or the URL of its database.
    """

    application: str
    topology: str
    environment: str
    broker: str
    gateway: str | None
    seats: dict[str, Seat]
    stores: dict[str, str] = {}

    def seat_of(self, service: str) -> Seat | None:
        """The process that hosts *service*; None if none does."""
        return next((seat for seat in self.seats.values() if service in seat.services), None)

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
