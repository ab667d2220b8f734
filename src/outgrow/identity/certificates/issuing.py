"""Papers on disk: written whole, readable for nobody else, and written anew in time."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from outgrow.clock import Clock
from outgrow.identity.certificates.authority import LEAF_SECONDS, Authority
from outgrow.identity.certificates.papers import Papers
from outgrow.identity.folder import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE
from outgrow.identity.names import Name

RENEW_AT: Final = 0.5
"""At which part of its life a certificate is renewed; the rest is for whoever was asleep."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked for what is due, by the wall clock: a machine may have slept."""

logger = logging.getLogger("outgrow.identity")


def write_papers(folder: Path, papers: Papers) -> None:
    """
    Replace the papers in *folder*; nobody but this user can read them.

    Each file is whole at every moment. Between two of them a reader may find a key and a
    certificate that do not belong together; `Identity` then keeps what it had and looks again.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(folder / AUTHORITIES_FILE, papers.authorities)
    _write(folder / KEY_FILE, papers.key)
    _write(folder / CHAIN_FILE, papers.chain)


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


@dataclass(slots=True)
class _Issued:
    """What was issued to one name, and when it is due for another."""

    name: Name
    hosts: tuple[str, ...]
    issued_at: datetime
    renew_at: datetime
    told: Callable[[], object] | None

    def is_due(self, now: datetime) -> bool:
        """Also if the clock was set back since, and nobody may believe what begins later."""
        return not self.issued_at <= now < self.renew_at


class Issuer:
    """
    Gives each process of a topology its papers, and new ones at half of their life.

    Args:
        authority: Who issues them.
        folder: Where they are written, in a folder for each process.
        seconds: How long a certificate holds.
    """

    def __init__(
        self, authority: Authority, folder: Path, clock: Clock, seconds: float = LEAF_SECONDS
    ) -> None:
        self.folder = folder
        self.renewals = 0
        self._authority = authority
        self._clock = clock
        self._seconds = seconds
        self._issued: dict[str, _Issued] = {}
        self._troubles: dict[str, str] = {}

    def provide(
        self, name: Name, hosts: Sequence[str] = (), told: Callable[[], object] | None = None
    ) -> Path:
        """
        Give papers to *name*, and keep them fresh; the folder that they are in.

        Args:
            hosts: Further names, as in `Authority.issue`.
            told: Called whenever they were renewed.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = self._clock.now()
        issued = _Issued(name, tuple(hosts), now, now, told)
        self._issued[name.process] = issued
        self._issue(issued)
        return self.folder / name.process

    def renew(self, *, is_forced: bool = False) -> list[str]:
        """
        Renew what is due, or all; the names of the processes that have new papers.

        What cannot be written is logged, keeps nobody else from being renewed, and is tried again.
        """
        now = self._clock.now()
        due = [one for one in self._issued.values() if is_forced or one.is_due(now)]
        return [one.name.process for one in due if self._renew(one)]

    def _renew(self, one: _Issued) -> bool:
        try:
            self._issue(one)
        except OSError as error:
            process, trouble = one.name.process, str(error)
            if self._troubles.get(process) != trouble:
                self._troubles[process] = trouble
                text = "the certificate of %s could not be renewed: %s. It is tried again each %s s"
                logger.warning(text, process, trouble, LOOK_SECONDS)
            return False
        self._troubles.pop(one.name.process, None)
        self.renewals += 1
        if one.told is not None:
            one.told()
        return True

    async def run(self) -> None:
        """Renew in time, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            renewed = self.renew()
            if renewed:
                logger.info("new certificates: %s", ", ".join(sorted(renewed)))

    def remove(self) -> None:
        """Remove all that was written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _issue(self, issued: _Issued) -> None:
        papers = self._authority.issue(issued.name, issued.hosts, self._seconds)
        write_papers(self.folder / issued.name.process, papers)
        issued.issued_at = self._clock.now()
        issued.renew_at = issued.issued_at + (papers.ends_at - issued.issued_at) * RENEW_AT
