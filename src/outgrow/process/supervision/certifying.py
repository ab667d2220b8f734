"""What the supervisor does so that its processes know each other: certificates, in time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from outgrow.clock import Clock
from outgrow.errors import ExtraMissing
from outgrow.identity import Name
from outgrow.process.apart import ENVIRONMENT
from outgrow.process.seating import RUN_FOLDER
from outgrow.topology import Topology

FOLDER: Final = "identity"
"""Where the keys and certificates are, below the folder of sockets."""

LOOPBACK: Final = ("localhost", "127.0.0.1")
"""Further names of a server beside the processes, whose clients compare the host of its URL."""


class Certifying:
    """
    The development authority of one topology, or what stands in for it.

    With ``OUTGROW_IDENTITY`` keys and certificates come from elsewhere, and nothing is issued. In
    plain text there are none.

    Args:
        beside: What runs beside the processes and answers on a port of this machine.
    """

    def __init__(
        self,
        application: str,
        topology: Topology,
        state: Path,
        clock: Clock,
        *,
        beside: Iterable[str] = (),
    ) -> None:
        """
        Issue what the processes of *topology* need at their start.

        Raises:
            ExtraMissing: Certificates cannot be made here.
        """
        self.folder = Path(os.environ.get(ENVIRONMENT) or state / RUN_FOLDER / FOLDER)
        self._told: dict[str, Callable[[], object]] = {}
        self._issuer = None
        if ENVIRONMENT in os.environ:
            return
        try:
            from outgrow.identity.certificates import Authority, Issuer  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ExtraMissing("grpc", "calls between processes") from error
        self._issuer = Issuer(Authority(clock), self.folder, clock)
        self._issuer.remove()  # What a supervisor left that was killed.

        def name_of(process: str) -> Name:
            return Name(application=application, environment=topology.environment, process=process)

        for process in topology.processes:
            self._issuer.provide(name_of(process))
        for name in beside:
            self._issuer.provide(name_of(name), LOOPBACK, functools.partial(self._tell, name))

    def when_renewed(self, name: str, tell: Callable[[], object]) -> None:
        """Call *tell* when what runs beside the processes as *name* has a new certificate."""
        self._told[name] = tell

    async def run(self) -> None:
        """Renew in time, until cancelled."""
        if self._issuer is not None:
            await self._issuer.run()

    def renew(self) -> list[str]:
        """Renew all at once; the names of those that have new certificates."""
        return [] if self._issuer is None else self._issuer.renew(is_forced=True)

    def remove(self) -> None:
        """Remove what was issued; all processes have ended."""
        if self._issuer is not None:
            self._issuer.remove()

    def _tell(self, name: str) -> None:
        if name in self._told:
            self._told[name]()
