"""Looking for the dead: who has no lease any more is taken out of the bucket."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from typing import Any, Final

from nats.aio.msg import Msg

from outgrow.discovery.nats.bucket import Bucket, Superseded, lease_of, pause
from outgrow.nats import Connection, Line, Lost, NoAnswer, Refused

LOOKS_PER_LEASE: Final = 6
"""How often somebody looks for endpoints without a lease, while one lasts."""

DOUBT_LOOKS: Final = 2
"""For how many looks an endpoint must be without a lease; its process may come back."""

TURN_LOOKS_MAX: Final = 3
"""How many looks may be missing, by chance, until one who has not looked last looks."""

_log = logging.getLogger("outgrow.discovery.nats")


class Looking:
    """
    One of all processes of an application looks for the dead; if it is gone, another one does.

    Who looks tells the others, and looks again soon. Who hears it waits for longer,
    each for another time by chance; who has waited in vain looks. So there is nobody to be
    elected, and hardly more looks than one a second, however many processes there are: the timers
    that damp requests in Scalable Reliable Multicast (Floyd, Jacobson, Liu, McCanne, Zhang 1997).

    Nobody takes anything out before it has been connected for as long as a lease lasts, so that
    after a time without the server everybody has a whole lease to come back.
    """

    def __init__(self, bucket: Bucket, line: Line) -> None:
        self._bucket = bucket
        self._line = line
        self._clock = line.clock
        self._look_seconds = bucket.lease_seconds / LOOKS_PER_LEASE
        self._name = secrets.token_bytes(8)
        self._doubts: dict[str, float] = {}
        self._gone: set[str] = set()
        self._heard = asyncio.Event()
        self.looks = 0
        self.removed = 0

    async def run(self) -> None:
        """Look, when it is our turn, until cancelled."""
        while True:
            connection = await self._line.connected()
            self._doubts.clear()
            try:
                end = await connection.subscribe(self._bucket.told_of_looks, self._hear)
                try:
                    await self._turns(connection)
                finally:
                    await end()
            except (Lost, NoAnswer, Refused) as error:
                _log.debug("%s: looking for the dead again: %s", self._bucket.name, error)
                await self._clock.sleep(self._look_seconds)
            except Exception:  # noqa: BLE001 - a border: who cannot look still calls and is called
                _log.exception("%s: looking for the dead was interrupted", self._bucket.name)
                await self._clock.sleep(self._look_seconds)

    async def _hear(self, message: Msg) -> None:
        if message.data != self._name:
            self._heard.set()

    async def _turns(self, connection: Connection) -> None:
        grace_until = self._clock.monotonic() + self._bucket.lease_seconds
        seconds = self._seconds_to_wait()
        while True:
            self._heard.clear()
            if await pause(self._heard, seconds):
                seconds = self._seconds_to_wait()
                self._doubts.clear()
                connection.check()
                continue
            # Told first: whoever waits for nearly as long as we did does not look too.
            await connection.publish(self._bucket.told_of_looks, self._name)
            await self._look(connection, may_remove=self._clock.monotonic() >= grace_until)
            seconds = self._look_seconds

    def _seconds_to_wait(self) -> float:
        return self._look_seconds * random.uniform(1.5, TURN_LOOKS_MAX)  # noqa: S311 - no secret

    async def _look(self, connection: Connection, *, may_remove: bool) -> None:
        self.looks += 1
        names, now = await self._bucket.names(connection), self._clock.monotonic()
        dead = {name for name in names.endpoints if lease_of(name) not in names.leases}
        self._gone &= dead
        self._doubts = {name: self._doubts.get(name, now) for name in dead - self._gone}
        for name, since in list(self._doubts.items()):
            if may_remove and now - since >= DOUBT_LOOKS * self._look_seconds:
                await self._remove(connection, name)

    async def _remove(self, connection: Connection, name: str) -> None:
        """Take the endpoint called *name* out, unless its process says it again just now."""
        # First what stands there, then the lease: who comes back renews that first.
        sequence = await self._bucket.standing(connection, name)
        if sequence is None:
            self._gone.add(name)
            return
        if await self._bucket.has_lease(connection, name):
            return
        try:
            await (await self._bucket.delete(connection, name, expected=sequence)).wait()
        except Superseded:
            return
        self.removed += 1
        _log.warning(
            "%s: an endpoint of %s is taken out of the directory: its process has said nothing "
            "for %s s",
            self._bucket.name,
            name.split(".")[-3],
            self._bucket.lease_seconds,
        )

    def statistics(self) -> dict[str, Any]:
        """How often this process looked, and what it took out."""
        return {"looks": self.looks, "removed": self.removed}
