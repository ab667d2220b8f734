"""The identity of a process: its papers, as they are now."""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import Any, Final

from outgrow.clock import SystemClock
from outgrow.errors import IdentityRefused
from outgrow.identity.certificates.papers import Papers, names_host, read_papers
from outgrow.identity.folder import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE
from outgrow.identity.names import Name

LOOK_SECONDS: Final = 1.0
"""How often the files are looked at, at most; and how long a change may go unseen."""

logger = logging.getLogger("outgrow.identity")


class Identity:
    """
    Who this process is: a key, a certificate and authorities in a folder, reread when they change.

    Whoever writes the files (our supervisor, cert-manager) need not tell. What cannot be used is
    logged, and what there was is kept. Any thread may ask; it looks by the machine's own time.

    Args:
        folder: Has ``tls.key``, ``tls.crt`` and ``ca.crt``.
        name: Who the certificate must say it is; anyone of outgrow if not given.

    Raises:
        IdentityRefused: The files cannot be used, or are those of another process.
    """

    def __init__(self, folder: Path, name: Name | None = None) -> None:
        self.folder = folder
        self._expected = name
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._failed, self._said = 0, ""
        self._stamps = self._stamp()
        self._papers = self._read()
        self._generation = 1
        self._look_at = self._clock.monotonic() + LOOK_SECONDS

    @property
    def name(self) -> Name:
        """Who this process is."""
        name = self._papers.name
        assert name is not None, "it was looked at when it was read"
        return name

    @property
    def generation(self) -> int:
        """Grows when the papers have changed."""
        if self._clock.monotonic() >= self._look_at:
            self._look()
        return self._generation

    def papers(self) -> tuple[int, Papers]:
        """The generation, and the papers that belong to it."""
        if self._clock.monotonic() >= self._look_at:
            self._look()
        with self._lock:
            return self._generation, self._papers

    def check_host(self, host: str) -> None:
        """
        See that who reaches this process at the IP address *host* believes that it is there.

        Raises:
            IdentityRefused: The certificate does not say so.
        """
        if not names_host(self.papers()[1], host):
            text = f"{host} is not among the certificate's alternative names, and is needed there."
            raise IdentityRefused(str(self.folder / CHAIN_FILE), text)

    def client_context(self) -> ssl.SSLContext:
        """How to speak TLS to a server that is not gRPC's, with these papers as they are now."""
        context = ssl.create_default_context(cadata=self.papers()[1].authorities.decode("ascii"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.folder / CHAIN_FILE, self.folder / KEY_FILE)
        return context

    def look_again(self) -> None:
        """Look at the files at the next question, however soon it comes."""
        self._look_at = 0.0

    def statistics(self) -> dict[str, Any]:
        """Whose papers they are, until when they hold, how often they changed, what is wrong."""
        generation, papers = self.papers()
        return {
            "name": self.name.uri,
            "ends_at": papers.ends_at.isoformat(),
            "renewed": generation - 1,
            "trouble": self._said,
        }

    def _look(self) -> None:
        with self._lock:
            if self._clock.monotonic() < self._look_at:
                return  # Another thread has just looked.
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
            try:
                stamps = self._stamp()
                if stamps == self._stamps and not self._failed:
                    return
                papers = self._read()
            except IdentityRefused as error:
                self._fail(str(error))
                return
            self._stamps, self._failed, self._said = stamps, 0, ""
            if papers != self._papers:
                self._papers = papers
                self._generation += 1

    def _fail(self, trouble: str) -> None:
        """Say once what is wrong, if it still is at the second look: somebody may be writing."""
        self._failed += 1
        if self._failed == 1 or trouble == self._said:
            return
        self._said = trouble
        text = "%s The certificate that was read before is used on; it ends at %s"
        logger.warning(text, trouble, self._papers.ends_at.isoformat())

    def _read(self) -> Papers:
        papers = read_papers(self.folder)
        place = str(self.folder / CHAIN_FILE)
        if papers.name is None:
            text = (
                "its certificate names no process of outgrow. A URI among its alternative names "
                "says spiffe://<application>.<environment>/<process>."
            )
            raise IdentityRefused(place, text)
        if self._expected is not None and papers.name != self._expected:
            text = f"it is the certificate of {papers.name}; that of {self._expected} is needed."
            raise IdentityRefused(place, text)
        now = self._clock.now()
        if papers.ends_at <= now:
            text = f"the certificate ended at {papers.ends_at.isoformat()}; a new one is needed."
            raise IdentityRefused(place, text)
        if papers.begins_at > now:
            text = (
                "%s: the certificate begins at %s, and nobody believes it before. Is a clock wrong?"
            )
            logger.warning(text, place, papers.begins_at.isoformat())
        return papers

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when one of the files does."""
        return tuple(map(_stamp_of, (KEY_FILE, CHAIN_FILE, AUTHORITIES_FILE), (self.folder,) * 3))


def _stamp_of(name: str, folder: Path) -> tuple[int, int, int]:
    try:
        found = (folder / name).stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size
