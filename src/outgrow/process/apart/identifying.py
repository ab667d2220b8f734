"""Who this process is to the others, and whom it lets in."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from outgrow.clock import Clock, SystemClock, Timer
from outgrow.errors import ControlError, ExtraMissing
from outgrow.identity import OUTSIDE, Callers
from outgrow.process.seating import Seating, read_seating

if TYPE_CHECKING:
    from outgrow.identity.certificates import Guard, Identity

ENVIRONMENT: Final = "OUTGROW_IDENTITY"
"""The environment variable that names a folder with the key and the certificate of a process."""

OWN_IDENTITY: Final = "identity=own"
"""What the URL of a broker says if each process shows it the certificate that it has."""

LOOK_SECONDS: Final = 1.0
"""How often the seating is looked at for what services declare now, at most."""

PLAINTEXT_TOLD: Final = (
    "--plaintext: processes call each other without certificates; whoever reaches them is believed"
)

logger = logging.getLogger("outgrow.process")


def identity_folder(seating: Seating, process: str) -> Path | None:
    """
    Where the key and the certificate of *process* are; None for plain text.

    What ``OUTGROW_IDENTITY`` says is that folder, or one with such a folder for each process.
    """
    if not seating.identity:
        return None
    folder = Path(os.environ.get(ENVIRONMENT) or seating.identity)
    return folder / process if (folder / process).is_dir() else folder


def identity_of(seating: Seating, process: str | None) -> Identity | None:
    """
    Who *process* is; None for plain text.

    Args:
        process: None for one that hosts nothing, and only calls.

    Raises:
        IdentityRefused: Its key or its certificate cannot be used.
    """
    process = process or OUTSIDE
    folder = identity_folder(seating, process)
    if folder is None:
        return None
    # Imported here: who runs everything together needs no certificates.
    try:
        from outgrow.identity.certificates import Identity  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing("grpc", "calls between processes") from error
    return Identity(folder, seating.name_of(process))


def process_of(seating: Seating, service: str) -> str:
    """
    The process whose certificate whoever answers for *service* must show.

    The seating says it: a directory says where a process is, and nothing of who may host what.
    """
    seat = seating.seat_of(service)
    assert seat is not None, "a start with a service that is nowhere is refused"
    return seat.process


def with_own_broker(seating: Seating, name: str | None) -> Seating:
    """*seating* as the process in seat *name* uses it: it shows the broker its own certificate."""
    if OWN_IDENTITY not in seating.broker:
        return seating
    folder = identity_folder(seating, OUTSIDE if name is None else seating.seats[name].process)
    own = "" if folder is None else f"identity={quote(str(folder))}"
    return msgspec.structs.replace(seating, broker=seating.broker.replace(OWN_IDENTITY, own))


class KnownCallers:
    """
    Who may call whom, as the seating says now.

    A rolling restart changes what is declared; the supervisor then writes the seating anew.

    Args:
        seating: As it was read at the start.
        path: The file; None if it never changes.
    """

    def __init__(self, seating: Seating, path: Path | None) -> None:
        self._path = path
        self._clock = SystemClock()
        self._policy = seating.policy()
        self._stamp = self._look()
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        if path is not None:
            self.reread(is_changed=True)  # It may have been written since it was read.

    def now(self) -> Callers:
        """Who may call whom; the file is looked at once a second at most."""
        if self._clock.monotonic() >= self._look_at:
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
            self.reread()
        return self._policy

    def reread(self, *, is_changed: bool = False) -> Callers:
        """Who may call whom, by the file as it is now."""
        stamp = self._look()
        if self._path is not None and (is_changed or stamp != self._stamp):
            try:
                policy = read_seating(self._path).policy()
            except ControlError:  # The topology is stopping.
                return self._policy
            self._stamp = stamp
            if policy != self._policy:
                self._policy = policy
        return self._policy

    def _look(self) -> tuple[int, int]:
        try:
            found = None if self._path is None else self._path.stat()
        except OSError:
            return 0, 0
        return (found.st_mtime_ns, found.st_ino) if found else (0, 0)


@contextmanager
def looked_at(identity: Identity | None, clock: Clock) -> Iterator[None]:
    """
    Look at the files of *identity* until the end of the block, also while nobody connects.

    A file that cannot be used is then said in time, and not when the certificate has ended.
    """
    if identity is None:
        yield
        return
    timer: Timer

    def look() -> None:
        nonlocal timer
        identity.look_again()
        identity.papers()
        timer = clock.call_at(clock.monotonic() + LOOK_SECONDS, look)

    timer = clock.call_at(clock.monotonic() + LOOK_SECONDS, look)
    try:
        yield
    finally:
        timer.cancel()


def guard_of(identity: Identity, callers: KnownCallers) -> Guard:
    """What lets in whom *callers* name, by their certificates."""
    from outgrow.identity.certificates import Guard  # noqa: PLC0415 - as above

    return Guard(identity, callers.now, callers.reread)


def told(guard: Guard | None) -> dict[str, Any]:
    """What statistics say of who this process is, and whom it refused."""
    if guard is None:
        return {"is_plaintext": True}
    return {"is_plaintext": False, **guard.statistics()}
