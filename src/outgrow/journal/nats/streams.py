"""The stream of one service: what it is called, what it keeps, and what it holds now."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from outgrow.journal.messages import Message
from outgrow.journal.nats.wire import MESSAGE_BYTES_MAX, Wire, decode_wire
from outgrow.nats import Connection, Refused

STREAM_MESSAGES_MAX: Final = 1_000_000
"""How many events a stream keeps; the oldest go first."""

STREAM_BYTES_MAX: Final = 1024 * 1024 * 1024
"""
How much a stream keeps, looked at every ten seconds.

Not told to the server, which would set as much aside for every stream, used or not.
"""

STREAM_SECONDS_MAX: Final = 7 * 24 * 60 * 60
"""How long a stream keeps an event."""

DUPLICATE_SECONDS: Final = 120
"""How long JetStream knows the ids of events."""

HEADER_BYTES_MAX: Final = 4096

_log = logging.getLogger("outgrow.journal.nats")

_INSTALLATION = "outgrow.installation"
_TYPES = "outgrow.types"
_NANOSECONDS = 1_000_000_000
_NO_STREAM = 10059
_NAME_IN_USE = 10058
_NO_MESSAGE = 10037


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    What a stream holds, by its own account.

    Attributes:
        epoch: When the stream was made; another one is another stream.
        first: The sequence of its first message.
        sequence: The sequence of its last message, also if that is not there any more.
        last: The last message that is there; None if there is none.
        last_sequence: The sequence of that.
        types: All events of these types are in it, from its first message on.
    """

    epoch: str
    first: int
    sequence: int
    last: Wire | None
    last_sequence: int
    types: frozenset[str]


class StreamOfAnother(Exception):
    """The name is taken by a stream that is not ours; we neither read nor change it."""


class Stream:
    """
    The stream of one service's events, as all processes know it.

    Attributes:
        name: What JetStream calls it.
        subjects: What its messages are about: any partition, any class.
        ask_subject: Where the process of this installation that hosts the service is asked for its
            journal.
    """

    def __init__(self, application: str, environment: str, service: str, installation: str) -> None:
        self.service = service
        self.name = f"{application}-{environment}-{service}"
        self._prefix = f"{application}.{environment}.{service}"
        self.subjects = f"{self._prefix}.*.*"
        self.ask_subject = f"{self._prefix}.ask-{installation}"
        self._installation = installation
        self._owner = {
            "outgrow.application": application,
            "outgrow.environment": environment,
            "outgrow.service": service,
        }

    def subject_of(self, message: Message) -> str:
        """Where *message* is published: its partition, and its class."""
        return f"{self._prefix}.{message.partition}.{message.type.rpartition('.')[2]}"

    async def declare(self, connection: Connection, types: frozenset[str]) -> None:
        """
        Make the stream, or give it the limits that it should have; done twice it does nothing.

        A stream that was made for other types is made anew. Of those that were not public then, it
        left out events, and what it says of its messages' predecessors is wrong for them; and it
        must not keep those that are public no more.

        Raises:
            StreamOfAnother: There is a stream of this name that is not ours.
        """
        config = self._config(types)
        try:
            await connection.ask_server(f"STREAM.CREATE.{self.name}", **config)
        except Refused as refused:
            if refused.code == _NAME_IN_USE:
                await self._adapt(connection, config)
            else:
                raise

    async def make_anew(self, connection: Connection, types: frozenset[str]) -> None:
        """Delete the stream with all that it holds, and make it."""
        await connection.ask_server(f"STREAM.DELETE.{self.name}")
        await self.declare(connection, types)

    async def trim(self, connection: Connection) -> None:
        """Forget the oldest tenth if the stream takes more than it may."""
        state = (await connection.ask_server(f"STREAM.INFO.{self.name}"))["state"]
        if state["bytes"] > STREAM_BYTES_MAX:
            keep = max(state["messages"] * 9 // 10, 1)
            await connection.ask_server(f"STREAM.PURGE.{self.name}", keep=keep)

    async def held(self, connection: Connection) -> Held | None:
        """
        What the stream holds now; None if there is no such stream.

        Raises:
            StreamOfAnother: It belongs to another installation.
        """
        try:
            info = await connection.ask_server(f"STREAM.INFO.{self.name}")
            metadata = info["config"].get("metadata") or {}
            if not self._is_of_this_installation(metadata):
                return None  # It does not say whose it is; the relay will make it anew.
            state = info["state"]
            last = await self._last(connection) if state["messages"] else None
        except Refused as refused:
            if refused.code != _NO_STREAM:
                raise
            return None
        return Held(
            epoch=info["created"],
            first=state["first_seq"],
            sequence=state["last_seq"],
            last=last and last[1],
            last_sequence=last[0] if last else 0,
            types=_types_of(metadata),
        )

    async def proof(self, connection: Connection) -> tuple[str, int, bool] | None:
        """Epoch and last sequence of the stream, and whether it holds anything; None without it."""
        try:
            info = await connection.ask_server(f"STREAM.INFO.{self.name}")
        except Refused as refused:
            if refused.code != _NO_STREAM:
                raise
            return None
        state = info["state"]
        return info["created"], state["last_seq"], state["messages"] > 0

    async def message_at(self, connection: Connection, sequence: int) -> tuple[int, Wire] | None:
        """The first message at *sequence* or behind, and its sequence; None if there is none."""
        return await self._get(connection, seq=sequence, next_by_subj=self.subjects)

    async def _last(self, connection: Connection) -> tuple[int, Wire] | None:
        return await self._get(connection, last_by_subj=self.subjects)

    async def _get(self, connection: Connection, **which: Any) -> tuple[int, Wire] | None:
        try:
            found = await connection.ask_server(f"STREAM.MSG.GET.{self.name}", **which)
        except Refused as refused:
            if refused.code != _NO_MESSAGE:
                raise
            return None
        message = found["message"]
        try:
            return message["seq"], decode_wire(base64.b64decode(message["data"]))
        except msgspec.DecodeError:
            return None  # Somebody else published it; it is as good as not there.

    async def _adapt(self, connection: Connection, config: dict[str, Any]) -> None:
        info = await connection.ask_server(f"STREAM.INFO.{self.name}")
        found = info["config"]
        metadata = found.get("metadata") or {}
        if any(metadata.get(name) != value for name, value in self._owner.items()):
            raise StreamOfAnother(
                f"the stream {self.name!r} is there and does not belong to this application, "
                f"environment and service. Delete it (nats stream rm {self.name}), or use another "
                "NATS server or account for one of the two"
            )
        types = _types_of(config["metadata"])
        if not self._is_of_this_installation(metadata) or types != _types_of(metadata):
            _log.info(
                "%s: it does not say whose it is, or other events are public now; the stream is "
                "made anew",
                self.name,
            )
            await self.make_anew(connection, types)
            return
        wanted = {**found, **config, "metadata": {**metadata, **config["metadata"]}}
        await connection.ask_server(f"STREAM.UPDATE.{self.name}", **wanted)

    def _is_of_this_installation(self, metadata: dict[str, str]) -> bool:
        """False if the stream does not say whose it is; raises if it says another."""
        found = metadata.get(_INSTALLATION)
        if found not in (None, self._installation):
            raise StreamOfAnother(
                f"the stream {self.name!r} belongs to another installation of this application: "
                "one with another state folder, on the same NATS server, in the same environment. "
                'Give one of the two another environment (environment = "..." in its topology in '
                "outgrow.toml) or another NATS account. If the other one is gone, delete what it "
                f"left: nats stream rm {self.name}"
            )
        return found is not None

    def _config(self, types: frozenset[str]) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": f"Events of {self._prefix}; made by outgrow.",
            "subjects": [self.subjects],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "max_msgs": STREAM_MESSAGES_MAX,
            "max_bytes": -1,
            "max_age": STREAM_SECONDS_MAX * _NANOSECONDS,
            "max_msg_size": MESSAGE_BYTES_MAX + HEADER_BYTES_MAX,
            "duplicate_window": DUPLICATE_SECONDS * _NANOSECONDS,
            "allow_direct": True,
            "metadata": {
                **self._owner,
                _INSTALLATION: self._installation,
                _TYPES: " ".join(sorted(types)),
            },
        }


def _types_of(metadata: dict[str, str]) -> frozenset[str]:
    return frozenset(metadata.get(_TYPES, "").split())
