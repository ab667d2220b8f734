"""A service of another process, as the handlers of this one read it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from outgrow.errors import BrokerUnreachable
from outgrow.journal.messages import Batch
from outgrow.journal.nats.asking import ask_end, ask_events
from outgrow.journal.nats.feed import Feed
from outgrow.journal.nats.lookup import Lookup
from outgrow.journal.nats.streams import StreamOfAnother
from outgrow.nats import Connection, Line, Lost, NoAnswer, Refused

START_SECONDS_MAX: Final = 20.0
"""How long a new handler waits for the process that hosts its source to tell where it begins."""

ANSWER_SECONDS_MAX: Final = 3.0
"""How long anything else waits for it."""

TRY_AGAIN_SECONDS: Final = 0.01
"""The pause before it is asked again; it doubles."""

TRY_AGAIN_SECONDS_MAX: Final = 0.25
"""The longest such pause."""

MISSED_SECONDS: Final = 2.0
"""How long a process that hosts a source may be away before the log says so: others start too."""

EXPECTED_SECONDS: Final = 0.1
"""How long a reader waits for what is known to be on its way, before it looks again."""

_log = logging.getLogger("outgrow.journal.nats")


class Remote:
    """
    The events of a service that another process hosts.

    They are looked for in this order: among what came in lately, in the stream, and in the journal
    itself, which the other process is asked for. If it cannot be asked either, there is nothing for
    now, and the reader is woken when there may be.

    Attributes:
        service: The service's short name.
    """

    def __init__(self, service: str, feed: Feed, line: Line, since: datetime | None = None) -> None:
        self.service = service
        self._feed = feed
        self._line = line
        self._since = since
        self._lookup = Lookup(feed.stream)
        self._opened = 0
        self._end = 0
        self._is_read = False
        self._is_missed = False
        self._missed_since: float | None = None
        self.asked = 0

    async def end(self) -> int:
        """
        The position of the last event that may leave the service; 0 if there is none.

        Before anything was read, new handlers ask where to begin. They are told where the journal
        stood when the service opened, if this process began before that.

        Raises:
            BrokerUnreachable: Nobody told within 20 s, or 3 s once handlers are at work.
        """
        clock = self._line.clock
        seconds = ANSWER_SECONDS_MAX if self._is_read else START_SECONDS_MAX
        since = None if self._is_read else self._since
        until = clock.monotonic() + seconds
        pause = TRY_AGAIN_SECONDS
        while True:
            connection = self._line.connection
            reason = "the NATS server is not reachable"
            if connection is not None:
                try:
                    self._end = await ask_end(connection, self._feed.stream, since)
                except (Lost, NoAnswer) as error:
                    reason = str(error) or "the connection was lost"
                else:
                    return self._end
            if clock.monotonic() + pause > until:
                raise BrokerUnreachable(
                    self._line.place,
                    f"the process that hosts {self.service!r} did not tell within {seconds:g} s "
                    f"where its journal ends: {reason}. Start it, and see that both use this NATS "
                    "server.",
                )
            await clock.sleep(pause)
            pause = min(pause * 2, TRY_AGAIN_SECONDS_MAX)

    async def events(self, after: int, types: Collection[str], limit: int) -> Batch:
        """The next events of *types* behind *after*; at most *limit*. Perhaps none: look on."""
        self._is_read = True
        self._feed.reached(after)
        window = self._feed.window
        if not window.covers(after) and not self._feed.is_open and self._line.connection:
            await self._feed.wait_change(EXPECTED_SECONDS)
        if window.covers(after) and self._feed.types.issuperset(types):
            return await self._of_window(after, types, limit)
        connection = self._line.connection
        if connection is not None:
            try:
                return await self._of_elsewhere(connection, after, types, limit)
            except (Lost, NoAnswer, Refused, StreamOfAnother) as error:
                self._missed(after, error)
        self._feed.is_wanting = True
        return Batch([], after, is_last=True)

    def watch(self, types: Collection[str], wake: Callable[[], object]) -> None:
        """Call *wake* soon after one of *types* came in, or when there may be more to read."""
        self._feed.watch(types, wake)

    def statistics(self) -> dict[str, Any]:
        """Counts since the start."""
        return {
            **self._feed.statistics(),
            "looked_up": self._lookup.lookups,
            "asked": self.asked,
        }

    async def _of_window(self, after: int, types: Collection[str], limit: int) -> Batch:
        window = self._feed.window
        if after >= window.tail and self._is_more_expected(after):
            await self._feed.wait_change(EXPECTED_SECONDS)
            if not window.covers(after):
                return Batch([], after, is_last=False)
        messages, position = window.read(after, types, limit)
        is_last = position >= window.tail and not self._is_more_expected(position)
        return Batch(messages, position, is_last)

    def _is_more_expected(self, position: int) -> bool:
        return position < self._end and self._line.connection is not None

    async def _of_elsewhere(
        self, connection: Connection, after: int, types: Collection[str], limit: int
    ) -> Batch:
        """From the stream, or from the journal."""
        if self._opened != self._feed.opened or not self._feed.is_open:
            self._opened = self._feed.opened
            self._lookup.forget()
        window = self._feed.window
        # Between two events of the stream may be one of a type that became public after it was
        # made, until the process that hosts the service has made it anew.
        is_complete = self._feed.types.issuperset(types)
        if is_complete and (window.base is not None or not self._feed.is_open):
            batch = await self._lookup.read(connection, after, types, limit)
            if batch is not None:
                return batch
        self.asked += 1
        batch = await ask_events(connection, self._feed.stream, after, types, limit)
        self._is_missed, self._missed_since = False, None
        if batch.is_last and window.base is None and is_complete:
            # The stream holds nothing, and what comes follows what the journal holds now.
            window.begin(batch.position)
        is_last = batch.is_last and window.tail <= batch.position
        return Batch(batch.messages, batch.position, is_last)

    def _missed(self, after: int, error: Exception) -> None:
        now = self._line.clock.monotonic()
        if self._missed_since is None:
            self._missed_since = now
        if self._is_missed or now < self._missed_since + MISSED_SECONDS:
            return
        self._is_missed = True
        _log.warning(
            "%s: events behind position %d are neither in the stream nor could the process that "
            "hosts the service be asked for them (%s). They are read as soon as it is back",
            self.service,
            after,
            str(error) or "the connection was lost",
        )
