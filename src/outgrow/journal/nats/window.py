"""The newest events of one service, as they came in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from typing import Final

from outgrow.journal.messages import Message

WINDOW_MESSAGES_MAX: Final = 8192
"""How many events of one other service a process keeps for its handlers."""

WINDOW_BYTES_MAX: Final = 16 * 1024 * 1024
"""How much that may be, as it came in."""

SLACK = 2048


class Window:
    """
    All events of one service between two positions; the oldest are dropped beyond the limits.

    Attributes:
        base: Behind this position nothing is missing; None while nothing is known.
        tail: The position of the last event, or the base.
    """

    def __init__(
        self,
        messages_max: int = WINDOW_MESSAGES_MAX,
        bytes_max: int = WINDOW_BYTES_MAX,
    ) -> None:
        self.messages_max = messages_max
        self.bytes_max = bytes_max
        self.base: int | None = None
        self.tail = 0
        self._messages: list[Message] = []
        self._positions: list[int] = []
        self._ends: list[int] = []  # How many bytes had come in with each message.
        self._first = 0
        self._dropped_bytes = 0
        self._came_bytes = 0

    def __len__(self) -> int:
        return len(self._messages) - self._first

    @property
    def payload_bytes(self) -> int:
        """How much is kept, as it came in."""
        return self._came_bytes - self._dropped_bytes

    def begin(self, position: int | None) -> None:
        """Forget everything; what comes next follows *position*, if that is known."""
        self.base = position
        self.tail = position or 0
        self._messages, self._positions, self._ends = [], [], []
        self._first = 0
        self._dropped_bytes = self._came_bytes

    def add(self, message: Message, previous: int, size: int) -> bool:
        """
        Take in what came; whether it is new.

        What was there is dropped. If something between is missing, the window begins here.
        """
        if self.base is None or previous > self.tail:
            self.begin(previous)
        if message.position <= self.tail:
            return False
        self._came_bytes += size
        self._messages.append(message)
        self._positions.append(message.position)
        self._ends.append(self._came_bytes)
        self.tail = message.position
        while len(self) > self.messages_max or self.payload_bytes > self.bytes_max:
            self._drop()
        return True

    def covers(self, after: int) -> bool:
        """Whether all that is behind *after* is here, up to the tail."""
        return self.base is not None and self.base <= after

    def read(self, after: int, types: Collection[str], limit: int) -> tuple[list[Message], int]:
        """The next events of *types* behind *after*, and up to where was looked."""
        found: list[Message] = []
        for index in range(self._index(after), len(self._messages)):
            message = self._messages[index].known_as(types)
            if message is not None:
                found.append(message)
                if len(found) == limit:
                    return found, message.position
        return found, max(self.tail, after)

    def behind(self, position: int) -> tuple[int, int]:
        """How many messages and bytes there are behind *position*."""
        index = self._index(position)
        before = self._ends[index - 1] if index > self._first else self._dropped_bytes
        return len(self._messages) - index, self._came_bytes - before

    def _index(self, position: int) -> int:
        return bisect_right(self._positions, position, self._first)

    def _drop(self) -> None:
        self.base = self._positions[self._first]
        self._dropped_bytes = self._ends[self._first]
        self._first += 1
        if self._first > SLACK:
            del self._messages[: self._first]
            del self._positions[: self._first]
            del self._ends[: self._first]
            self._first = 0
