"""This process among those that have the same store open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

from outgrow.clock import SystemClock
from outgrow.errors import OutgrowError
from outgrow.journal.replicas.leases import BEATS_PER_LEASE, LEASE_SECONDS, Leases
from outgrow.journal.schema import PARTITIONS
from outgrow.store import Others, Snapshot, Store, Transaction

MEMBERS: Final = "(members)"
"""What others are told of when a process joins or leaves."""

WAITING: Final = "(waiting)"
"""What others are told of when somebody changed what waits for a consumer."""

CONNECT_SECONDS_MAX: Final = 1.0
"""How long a process that joins waits for its line to the others; then it joins without."""

EVERYTHING: Final = frozenset(range(PARTITIONS))
NOTHING: Final[frozenset[int]] = frozenset()

_log = logging.getLogger("outgrow.journal")


class Replica:
    """
    What this process has to do of what the processes over one service's store share.

    One of them leads: it sends commands, fires timers, forgets what is old, publishes. The handlers
    of all are divided by partitions. That a process believes in a share that it has no more does no
    harm: what it commits is checked against the store, by the epoch of its lease or by the
    highwater of the partition. Where the store is one process's alone, all is its own, and nothing
    is asked. Its waiting is by the system's clock.

    Lives as long as the service is hosted; one task runs it.

    Args:
        hear: Called with the topics that other processes tell.
        term_seconds: Of its leases.

    Attributes:
        partitions: Of each source, whose events this process handles.
        epoch: Of its leading; 0 while it does not lead.
    """

    def __init__(
        self,
        store: Store,
        hear: Callable[[Collection[str]], object],
        *,
        term_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._hear = hear
        self._clock = SystemClock()
        self._term_seconds = term_seconds
        self._leases = Leases(term_seconds)
        self._turned = asyncio.Event()
        self._partitions = NOTHING
        self._held_until = 0.0
        self._has_joined = False
        self._listeners: list[Callable[[], object]] = []
        self.epoch = 0
        self._members = 0
        self._changes = 0
        self._superseded = 0
        store.on_switch(self._turned.set)

    @property
    def id(self) -> str:
        """This process, as it is told from the others."""
        return self._leases.me

    async def living(self, snapshot: Snapshot) -> frozenset[str]:
        """The processes that have the store open and live."""
        if not self._store.is_shared:
            return frozenset({self.id})
        return frozenset((await self._leases.standing(snapshot)).members) | {self.id}

    @property
    def is_ready(self) -> bool:
        """Whether it is known what its share is; not after a term that could not be renewed."""
        if not self._store.is_shared:
            return True
        return self._has_joined and self._clock.monotonic() < self._held_until

    @property
    def has_others(self) -> bool:
        """Whether other processes have the same store open, as far as this one knows."""
        return self._store.is_shared and self._members > 1

    @property
    def partitions(self) -> frozenset[int]:
        if not self._store.is_shared:
            return EVERYTHING
        return self._partitions if self._clock.monotonic() < self._held_until else NOTHING

    @property
    def led_partitions(self) -> frozenset[int]:
        """All if this process leads, none otherwise."""
        return EVERYTHING if self.leads() else NOTHING

    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        if not self._store.is_shared:
            return True
        return self.epoch > 0 and self._clock.monotonic() < self._held_until

    async def check(self, tx: Transaction) -> None:
        """
        Let *tx* commit only if this process still leads.

        Raises:
            Superseded: It does not.
        """
        if self._store.is_shared:
            try:
                await self._leases.check(tx, self.epoch)
            except OutgrowError:
                self._superseded += 1
                self._turned.set()
                raise

    def watch(self, wake: Callable[[], object]) -> None:
        """Call *wake* whenever its share changes."""
        self._listeners.append(wake)

    def tell(self, topics: Collection[str]) -> None:
        """Let other processes know soon that something concerning *topics* was committed."""
        others = self._store.others
        if others is not None:
            others.tell(topics)

    async def run(self) -> None:
        """Hold its share until cancelled; `leave` comes after that."""
        while True:
            others = self._store.others
            if others is None:
                await self._wait_for_switch()
                continue
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._listen(others))
                await self._wait_for_line(others)
                while self._store.others is others:
                    await self._beat(others)
                    await self._wait(self._term_seconds / BEATS_PER_LEASE)
                telling.cancel()
            self._has_joined = False

    async def leave(self) -> None:
        """Give up its share, so that others need not wait until its term is over."""
        others = self._store.others
        if not self._has_joined or others is None:
            return
        self._has_joined = False
        self._partitions, self.epoch = NOTHING, 0
        with suppress(Exception):  # Its term ends anyway.
            await self._store.transact(self._leases.leave, others.channel, MEMBERS)

    def statistics(self) -> dict[str, Any]:
        """Its share, and limits."""
        return {
            "id": self._leases.me,
            "leads": self.leads(),
            "epoch": self.epoch,
            "members": self._members if self._store.is_shared else 1,
            "partitions": len(self.partitions),
            "changes": self._changes,
            "superseded": self._superseded,
            "lease_seconds": self._term_seconds,
        }

    async def _beat(self, others: Others) -> None:
        """Say that it lives, and learn what its share is now."""
        begun = self._clock.monotonic()
        is_new = not self._has_joined
        try:
            await self._store.transact(self._leases.beat, others.key)
            async with self._store.read() as snapshot:
                standing = await self._leases.standing(snapshot)
            epoch = 0
            if standing.leader in (None, self._leases.me):
                epoch = await self._store.transact(self._leases.lead)
            if epoch and standing.dead:
                await self._store.transact(self._leases.sweep, standing.dead)
        except Exception as error:  # noqa: BLE001 - a border: it tries again at the next beat
            # What it holds it loses at the end of its term, by its own clock too.
            _log.warning("%s: its leases were not renewed: %r", self._store.service, error)
            return
        # Its term may have ended while it said so, and others have seen that.
        before = self.led_partitions, self.partitions
        self._held_until = begun + self._term_seconds
        self.epoch = epoch
        self._members = len(standing.members)
        self._partitions = _share(standing.members, self._leases.me)
        self._has_joined = True
        if is_new:
            self.tell([MEMBERS])
        if is_new or before != (self.led_partitions, self.partitions):
            self._changes += 1
            self._tell_listeners()

    async def _listen(self, others: Others) -> None:
        while True:
            try:
                await others.run(self._heard)
            except Exception:  # noqa: BLE001 - a border: notices may be lost, and all goes on
                _log.exception("%s: the line to other processes failed", self._store.service)
                await self._clock.sleep(CONNECT_SECONDS_MAX)

    def _heard(self, topics: frozenset[str]) -> None:
        if not topics or MEMBERS in topics:
            self._turned.set()
        self._hear(topics)

    def _tell_listeners(self) -> None:
        for wake in self._listeners:
            wake()

    async def _wait_for_switch(self) -> None:
        self._turned.clear()
        if self._store.others is None:
            await self._turned.wait()

    async def _wait_for_line(self, others: Others) -> None:
        until = self._clock.monotonic() + CONNECT_SECONDS_MAX
        while not others.key and self._clock.monotonic() < until:
            await self._wait(CONNECT_SECONDS_MAX)

    async def _wait(self, seconds: float) -> None:
        """Wait until there is something to look at, but not longer than *seconds*."""
        self._turned.clear()
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self._turned.set)
        try:
            await self._turned.wait()
        finally:
            timer.cancel()


def _share(members: list[str], me: str) -> frozenset[int]:
    """The partitions of *me*: all who know the same members divide them alike."""
    if me not in members:
        return NOTHING
    place, count = sorted(members).index(me), len(members)
    return frozenset(p for p in EVERYTHING if p % count == place)
