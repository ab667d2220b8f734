"""What one process knows of one service, and until when it holds what is not said any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from outgrow.clock import Clock, Timer
from outgrow.discovery.directory import Endpoint, Resolution
from outgrow.discovery.nats.bucket import Entry, Snapshot


class Watched:
    """
    One service, as the bucket told of it.

    A snapshot that lacks an endpoint without saying that it has left is no proof that it has: the
    server may have lost what it held, and the endpoint's process may not have said it again yet. It
    is held for one lease more. Of endpoints with one address only the last is taken: nobody else
    can listen there.

    Args:
        known: What is taken for the last good answer before there is one.
        lease_seconds: How long what is missing is held.
    """

    def __init__(
        self, service: str, known: Iterable[Endpoint], clock: Clock, lease_seconds: float
    ) -> None:
        self.service = service
        self.watchers = 0
        self.updates = 0
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._entries = {
            f"known.{number}": Entry(f"known.{number}", 0, endpoint)
            for number, endpoint in enumerate(known)
        }
        self._held: dict[str, Timer] = {}
        self._sequence = 0
        self._is_stale = True
        self._holds = True
        self._ahead: list[Entry] | None = None
        self._listeners: list[Callable[[], object]] = []

    @property
    def is_current(self) -> bool:
        """Whether somebody listens, and the bucket was asked since."""
        return not self._is_stale and self.watchers > 0

    def listen(self, wake: Callable[[], object]) -> Callable[[], None]:
        """Call *wake* when something has changed, until what is returned is called."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake)

    def resolution(self) -> Resolution:
        """What is known now."""
        newest: dict[str, Entry] = {}
        for entry in self._entries.values():
            if entry.endpoint is None:
                continue
            other = newest.get(entry.endpoint.address)
            if other is None or _age(entry, self._held) < _age(other, self._held):
                newest[entry.endpoint.address] = entry
        endpoints = [entry.endpoint for entry in newest.values() if entry.endpoint is not None]
        endpoints.sort(key=lambda one: (one.instance, one.address))
        return Resolution(endpoints=tuple(endpoints), is_stale=self._is_stale)

    def begin(self) -> None:
        """A snapshot is asked for: what is told from now on may be newer."""
        self._ahead = []

    def take(self, entry: Entry) -> bool:
        """Know *entry*; False if the bucket must have been made anew meanwhile."""
        self.updates += 1
        if self._ahead is not None:
            self._ahead.append(entry)
            return True
        if entry.sequence <= self._sequence:
            return False
        self._sequence = entry.sequence
        self._know(entry)
        self._tell()
        return True

    def snapshot(self, snapshot: Snapshot) -> None:
        """Know what the bucket says, and what was told since it was asked."""
        ahead, self._ahead = self._ahead or [], None
        missing = {k: e for k, e in self._entries.items() if e.endpoint is not None}
        missing = {k: e for k, e in missing.items() if k not in snapshot.entries}
        self._entries = {}
        for entry in snapshot.entries.values():
            self._know(entry)
        if not self._holds:
            self.close()
        there = {self._address_of(key) for key in self._entries}
        for entry in missing.values() if self._holds else ():
            if entry.endpoint is not None and entry.endpoint.address not in there:
                self._hold(entry)
        for key in self._held.keys() - self._entries.keys():
            self._release(key)
        self._holds = self.watchers > 0
        self._sequence = snapshot.sequence
        for entry in ahead:
            if entry.sequence > self._sequence:
                self._sequence = entry.sequence
                self._know(entry)
        self._is_stale = False
        self._tell()

    def stale(self) -> None:
        """Know that the bucket cannot be asked; nothing is let go meanwhile."""
        self._is_stale = True
        self._ahead = None
        for timer in self._held.values():
            timer.cancel()
        self._tell()

    def part(self) -> None:
        """Nobody listens any more: what is known now is old when somebody does again."""
        self._holds = False
        self.stale()

    def _know(self, entry: Entry) -> None:
        self._release(entry.key)
        if entry.endpoint is None:
            return
        # Who is held at its address was there before it, and cannot be there now.
        for key in list(self._held):
            if self._address_of(key) == entry.endpoint.address:
                self._release(key)
        self._entries[entry.key] = entry

    def _release(self, key: str) -> None:
        self._entries.pop(key, None)
        timer = self._held.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _address_of(self, key: str) -> str | None:
        entry = self._entries.get(key)
        return entry.endpoint.address if entry is not None and entry.endpoint is not None else None

    def _hold(self, entry: Entry) -> None:
        """Keep *entry* for one lease; one that was held before is not held for longer."""
        self._entries[entry.key] = entry
        timer = self._held.get(entry.key)
        if timer is not None:
            if not self._is_stale:
                return
            timer.cancel()
        until = self._clock.monotonic() + self._lease_seconds
        self._held[entry.key] = self._clock.call_at(until, lambda: self._let_go(entry.key))

    def _let_go(self, key: str) -> None:
        self._release(key)
        self._tell()

    def close(self) -> None:
        """Hold nothing any more."""
        for timer in self._held.values():
            timer.cancel()
        self._held.clear()

    def _tell(self) -> None:
        for wake in list(self._listeners):
            wake()

    def statistics(self) -> dict[str, Any]:
        """What is known, in numbers."""
        return {
            "endpoints": sum(one.endpoint is not None for one in self._entries.values()),
            "held": len(self._held),
            "updates": self.updates,
            "watchers": self.watchers,
            "is_stale": self._is_stale,
        }


def _age(entry: Entry, held: dict[str, Any]) -> tuple[bool, int]:
    """Smaller for what was said later; what is only held is the oldest."""
    return (entry.key in held, -entry.sequence)


class Waking:
    """Wakes one who waits for changes, and forgets none that came while it did not wait."""

    def __init__(self, watched: Watched) -> None:
        self._changed = asyncio.Event()
        self._end = watched.listen(self._changed.set)

    async def wait(self) -> None:
        """Return when something has changed since the last time."""
        await self._changed.wait()
        self._changed.clear()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._end()
