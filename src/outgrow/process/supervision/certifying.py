"""What the supervisor does so that its processes know each other: certificates, in time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from outgrow.clock import Clock
from outgrow.errors import ExtraMissing
from outgrow.identity import Name
from outgrow.process.apart import ENVIRONMENT
from outgrow.process.seating import RUN_FOLDER
from outgrow.topology import Topology

if TYPE_CHECKING:
    from outgrow.identity.certificates import Identity

FOLDER: Final = "identity"
"""Where the keys and certificates are, below the folder of sockets."""

WATCH_SECONDS: Final = 1.0
"""How often it is looked for new certificates of what runs beside the processes."""

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
            IdentityRefused: What comes from elsewhere for those *beside* cannot be used.
        """
        elsewhere = os.environ.get(ENVIRONMENT)
        self.folder = Path(elsewhere or state / RUN_FOLDER / FOLDER).resolve()
        self._clock = clock
        self._told: dict[str, Callable[[], object]] = {}
        self._watched: dict[str, Identity] = {}
        self._issuer = None
        try:
            from outgrow.identity.certificates import (  # noqa: PLC0415 - an extra
                Authority,
                Identity,
                Issuer,
            )
        except ModuleNotFoundError as error:
            raise ExtraMissing("grpc", "calls between processes") from error

        def name_of(process: str) -> Name:
            return Name(application=application, environment=topology.environment, process=process)

        if elsewhere:
            for name in beside:
                self._watched[name] = Identity(self.folder / name, name_of(name))
                self._watched[name].check_host(LOOPBACK[1])
            return
        self._issuer = Issuer(Authority(clock), self.folder, clock)
        self._issuer.remove()  # What a supervisor left that was killed.

        for process in topology.processes:
            self._issuer.provide(name_of(process))
        for name in beside:
            self._issuer.provide(name_of(name), LOOPBACK, functools.partial(self._tell, name))

    def when_renewed(self, name: str, tell: Callable[[], object]) -> None:
        """Call *tell* when what runs beside the processes as *name* has a new certificate."""
        self._told[name] = tell

    async def run(self) -> None:
        """Renew in time, or tell of what was renewed elsewhere, until cancelled."""
        if self._issuer is not None:
            await self._issuer.run()
        seen = {name: identity.generation for name, identity in self._watched.items()}
        while True:
            await self._clock.sleep(WATCH_SECONDS)
            for name, identity in self._watched.items():
                identity.look_again()
                if identity.generation != seen[name]:
                    seen[name] = identity.generation
                    self._tell(name)

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
