"""The form in which events travel: JSON by field name."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from outgrow.journal.messages import Message

MESSAGE_BYTES_MAX: Final = 768 * 1024
"""
The most that one event may take on its way, with all that the journal says of it.

Its body and its key have 256 KiB each, and the rest is small.
"""


class Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    An event on its way; the fields of the journal's row.

    Attributes:
        previous: The position of the event before it that may leave its service. All that left it
            between the two positions is nothing; so who has seen `previous` has missed nothing.
        caller: As JSON.
        body: The event's fields as JSON.
        former: The names that its class had before, for readers that know one of those.
    """

    position: int
    previous: int
    id: str
    type: str
    schema: int
    key: str | None
    partition: int
    cause: str | None
    correlation_id: str
    trace: str
    caller: msgspec.Raw
    tenant: str | None
    recorded_at: str
    body: msgspec.Raw
    former: tuple[str, ...] = ()

    @classmethod
    def of(cls, message: Message, previous: int, former: tuple[str, ...] = ()) -> Wire:
        """*message*, whose class had the names *former*, behind the one at *previous*."""
        return cls(
            message.position,
            previous,
            message.id,
            message.type,
            message.schema,
            message.key,
            message.partition,
            message.cause,
            message.correlation_id,
            message.trace,
            msgspec.Raw(message.caller.encode()),
            message.tenant,
            message.recorded_at,
            msgspec.Raw(message.body.encode()),
            former,
        )

    @property
    def message(self) -> Message:
        """The row of the journal that it is."""
        return Message(
            self.position,
            self.id,
            "event",
            self.type,
            self.schema,
            None,
            self.key,
            self.partition,
            self.cause,
            self.correlation_id,
            self.trace,
            bytes(self.caller).decode(),
            self.tenant,
            self.recorded_at,
            bytes(self.body).decode(),
            self.former,
        )


class Question(msgspec.Struct, frozen=True):
    """
    What one process asks of the journal of another.

    Attributes:
        after: Behind which position; None if only the journal's end is asked for.
        since: When the asker began, if it asks for the end because it has a new handler.
    """

    after: int | None = None
    types: list[str] = []
    limit: int = 0
    since: datetime | None = None


class Answer(msgspec.Struct, frozen=True):
    """
    What the other process says.

    Attributes:
        position: Up to where the journal was looked at, or its last event that may leave.
        messages: Each of them a `Wire`.
        error: Why there is no answer; empty if there is one.
    """

    position: int = 0
    is_last: bool = False
    messages: list[msgspec.Raw] = []
    error: str = ""


encode = msgspec.json.Encoder().encode
decode_wire = msgspec.json.Decoder(Wire).decode
decode_question = msgspec.json.Decoder(Question).decode
decode_answer = msgspec.json.Decoder(Answer).decode
