"""Reading a stream from anywhere, for those who are behind what is in memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from nats.aio.msg import Msg

from outgrow.journal.messages import Batch, Message
from outgrow.journal.nats.streams import Stream
from outgrow.journal.nats.wire import Wire, decode_wire
from outgrow.nats import STATUS, Connection, in_time

LOOKED_UP_MESSAGES: Final = 256
"""How many events are read from a stream at once, by a handler that is behind."""

LOOKED_UP_BYTES_MAX: Final = 4 * 1024 * 1024
"""How much that may be, so that the server is not taken for one that is read too slowly."""

LOOKUP_SECONDS_MAX: Final = 2.0
"""How long that may take."""

PLACES_MAX: Final = 256


class Lookup:
    """Reads a stream behind any position; remembers where the next events of a reader are."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._places: dict[int, int] = {}
        self.lookups = 0

    def forget(self) -> None:
        """The stream may be another one."""
        self._places.clear()

    async def read(
        self, connection: Connection, after: int, types: Collection[str], limit: int
    ) -> Batch | None:
        """
        The next events of *types* behind *after*; None if the stream does not hold what is next.

        Raises:
            Lost: The connection ended.
            NoAnswer: The server did not answer.
            Refused: There is no such stream.
        """
        start = self._places.get(after) or await self._find(connection, after)
        if start is None:
            return None
        self.lookups += 1
        found: list[Message] = []
        position = after
        for sequence, wire in await self._fetch(connection, start):
            if wire.previous > position:
                break  # A hole; the next look begins there.
            if wire.position <= position:
                continue
            position = wire.position
            self._remember(position, sequence + 1)
            message = wire.message.known_as(types)
            if message is not None:
                found.append(message)
                if len(found) == limit:
                    break
        if position == after:
            return None
        return Batch(found, position, is_last=False)

    async def _find(self, connection: Connection, after: int) -> int | None:
        """The sequence of the first message behind *after*, if nothing between is missing."""
        held = await self._stream.held(connection)
        if held is None or held.last is None or held.last.position <= after:
            return None
        low, high = held.first, held.last_sequence
        first: tuple[int, Wire] = held.last_sequence, held.last
        while low < high:
            middle = (low + high) // 2
            found = await self._stream.message_at(connection, middle)
            if found is None or found[0] > high:
                return None  # It changes while it is read.
            if found[1].position > after:
                first, high = found, middle
            else:
                low = found[0] + 1
        return first[0] if first[1].previous <= after else None

    async def _fetch(self, connection: Connection, start: int) -> list[tuple[int, Wire]]:
        messages: list[tuple[int, Wire]] = []
        _, ended = connection.promise()

        def take(message: Msg) -> None:
            headers = message.headers or {}
            if STATUS in headers:
                if not ended.done():
                    ended.set_result(message)
            else:
                messages.append((int(headers["Nats-Sequence"]), decode_wire(message.data)))

        request = {
            "seq": start,
            "batch": LOOKED_UP_MESSAGES,
            "max_bytes": LOOKED_UP_BYTES_MAX,
            "next_by_subj": self._stream.subjects,
        }
        with connection.taking(take) as reply:
            try:
                await connection.publish(
                    f"$JS.API.DIRECT.GET.{self._stream.name}",
                    msgspec.json.encode(request),
                    reply=reply,
                )
                await in_time(ended, LOOKUP_SECONDS_MAX)
            finally:
                ended.cancel()
        return messages

    def _remember(self, position: int, sequence: int) -> None:
        self._places[position] = sequence
        while len(self._places) > PLACES_MAX:
            del self._places[next(iter(self._places))]
