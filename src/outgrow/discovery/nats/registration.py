"""What one process has in the bucket: its endpoints, and the lease that they have in common."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack
from typing import Any

from outgrow.discovery.directory import Endpoint
from outgrow.discovery.nats.bucket import Bucket, Sent, Superseded
from outgrow.nats import Connection, Refused


class Registration:
    """
    Brings the bucket to say what this process wants it to say.

    Its keys are its own, as nobody else has its lease. A lease that has run out meanwhile, or a
    bucket that was lost, is seen at the next renewal, which expects the lease as it put it last.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.wanted: tuple[Endpoint, ...] = ()
        self._bucket = bucket
        self._lease = secrets.token_hex(12)
        self._sequence: int | None = None
        self._standing: dict[str, Endpoint] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._turn = asyncio.Lock()
        self.renewals = 0
        self.registrations = 0

    @property
    def is_done(self) -> bool:
        """Whether the bucket has acknowledged all that is wanted."""
        wanted = {self._key_of(one): one for one in self.wanted}
        return self._standing == wanted and (self._sequence is not None or not wanted)

    def forget(self) -> None:
        """What was said before may not stand any more."""
        self._sequence = None

    async def bring(self, connection: Connection) -> None:
        """
        Say what is wanted, under a lease that begins now.

        Raises:
            Lost: The connection ended.
            NoAnswer: The server said nothing in time, or there is no bucket.
            Refused: It said no.
        """
        async with self._turn:
            if self._sequence is not None and self.wanted:
                try:
                    await self._renew(connection, self._sequence)
                except Superseded:
                    self._sequence = None
            await self._say(connection)

    async def _renew(self, connection: Connection, expected: int) -> None:
        self.renewals += 1
        self._sequence = None  # If no answer comes, nothing is known.
        sent = await self._bucket.put_lease(connection, self._lease, expected=expected)
        self._sequence = await sent.wait()

    async def _say(self, connection: Connection) -> None:
        """Put what is not there, and delete what should not be."""
        sequence, self._sequence = self._sequence, None
        wanted = {self._key_of(one): one for one in self.wanted}
        said = {} if sequence is None else self._standing
        puts = {key: one for key, one in wanted.items() if said.get(key) != one}
        gone = {key: one for key, one in self._standing.items() if key not in wanted}
        self._standing = gone | wanted  # All of it may stand, if it is not acknowledged.
        with ExitStack() as stack:
            # In one go: the server takes them in this order, the lease first.
            lease = None
            if sequence is None and wanted:
                self.registrations += 1
                lease = await self._bucket.put_lease(connection, self._lease)
                stack.callback(lease.close)
            sent: dict[str, Sent] = {}
            for key, one in puts.items():
                sent[key] = await self._bucket.put(connection, key, one)
                stack.callback(sent[key].close)
            for key, one in gone.items():
                name = self._bucket.name_of(one.service, key)
                sent[key] = await self._bucket.delete(connection, name)
                stack.callback(sent[key].close)
            sequence = sequence if lease is None else await lease.wait()
            refused: dict[str, Refused] = {}
            for key, one_sent in sent.items():
                try:
                    await one_sent.wait()
                except Refused as error:
                    refused[key] = error
        self._standing = {key: one for key, one in wanted.items() if key not in refused}
        self._standing |= {key: one for key, one in gone.items() if key in refused}
        self._sequence = sequence
        for refusal in refused.values():
            raise refusal

    def _key_of(self, endpoint: Endpoint) -> str:
        place = (endpoint.service, endpoint.address)
        return f"{self._lease}.{self._numbers.setdefault(place, len(self._numbers))}"

    def statistics(self) -> dict[str, Any]:
        """What is registered, and how often that was said."""
        return {
            "endpoints": len(self.wanted),
            "is_registered": self.is_done,
            "renewals": self.renewals,
            "registrations": self.registrations,
        }
