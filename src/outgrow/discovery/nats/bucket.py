"""The bucket: what its keys and values are, and each thing that is asked of it."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error

from outgrow.discovery.directory import Endpoint
from outgrow.nats import STATUS, Connection, NoAnswer, Refused, in_time

LEASE_SECONDS: Final = 6
"""How long a lease lasts that is not renewed, by the server's own clock."""

TOMBSTONE_SECONDS: Final = 30
"""How long the bucket remembers that an endpoint has left."""

BUCKET_BYTES_MAX: Final = 16 * 1024 * 1024
"""How much the bucket of an application may hold, in all its environments."""

ENDPOINT_BYTES_MAX: Final = 4096
"""How much one endpoint may take, with its headers."""

ANSWER_SECONDS_MAX: Final = 1.0
"""How long the server may take for an answer; whoever waits has a last good one."""

_NAME_IN_USE = 10058
_NO_MESSAGE = 10037
_WRONG_SEQUENCE = 10071

_TTL = "Nats-TTL"
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_SEQUENCE = "Nats-Sequence"
_SUBJECT = "Nats-Subject"
_UP_TO = "Nats-UpTo-Sequence"
_OPERATION = "KV-Operation"
_ENDED = ("204", "404")
_PLAIN = re.compile(r"[A-Za-z0-9_-]")


class Superseded(Exception):
    """The key is not as it was when it was last looked at."""


class Entry(msgspec.Struct, frozen=True):
    """
    What the bucket says of one endpoint.

    Attributes:
        key: Lease and number of the endpoint, which nobody else has.
        sequence: When it was said, as the bucket counts.
        endpoint: What there is; None if it has left.
    """

    key: str
    sequence: int
    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    What the bucket said of one service at one moment.

    Attributes:
        entries: By key.
        sequence: The last that the bucket had counted then; 0 if it did not say.
    """

    entries: dict[str, Entry]
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """
    The keys that stand in the bucket, of all environments.

    Attributes:
        endpoints: Those of endpoints, also of those that have left a moment ago.
        leases: Those that have not run out.
    """

    endpoints: frozenset[str]
    leases: frozenset[str]


class Sent:
    """Something that was sent to the bucket, which takes what is sent in that order."""

    def __init__(self, subject: str, answered: asyncio.Future[Msg]) -> None:
        self._subject = subject
        self._answered = answered

    async def wait(self) -> int:
        """
        The number that it got.

        Raises:
            Superseded: What stood there had another number than was expected.
            Lost: The connection ended; whether it was taken is not known.
            NoAnswer: The server said nothing in time, or there is no bucket.
            Refused: It said no.
        """
        try:
            message = await in_time(self._answered, ANSWER_SECONDS_MAX)
        finally:
            self.close()
        if message.headers and STATUS in message.headers:
            raise NoAnswer(f"{self._subject}: there is no such bucket")
        answer = msgspec.json.decode(message.data)
        error = answer.get("error")
        if error is None:
            sequence: int = answer["seq"]
            return sequence
        if error.get("err_code") == _WRONG_SEQUENCE:
            raise Superseded
        raise Refused(self._subject, error.get("err_code", 0), error.get("description", ""))

    def close(self) -> None:
        """Wait for no answer."""
        if self._answered.done() and not self._answered.cancelled():
            self._answered.exception()  # It is of no interest any more.
        self._answered.cancel()


class Bucket:
    """
    The bucket of one application on a server, as processes of one environment use it.

    ``<environment>.endpoint.<service>.<lease>.<number>`` is an endpoint, and stays until it is
    deleted; ``<environment>.lease.<lease>`` is the sign of life of one process, which the server
    deletes when it was not put again for as long as a lease lasts. What happens to endpoints is
    published again once it is stored, so that who follows a service needs no consumer, and hears
    nothing of leases.

    Args:
        lease_seconds: How long a lease lasts; at least one.
    """

    def __init__(
        self, application: str, environment: str, *, lease_seconds: int = LEASE_SECONDS
    ) -> None:
        self.name = f"outgrow-{_token(application)}"
        self.lease_seconds = lease_seconds
        self._stream = f"KV_{self.name}"
        self._told = f"outgrow.directory.{_token(application)}"
        self._keys = f"$KV.{self.name}"
        self._environment = _token(environment)
        self._prefix = f"{self._keys}.{self._environment}"

    async def declare(self, connection: Connection) -> None:
        """
        Make the bucket, or give it the limits that it should have; done twice it does nothing.

        Raises:
            Error: The server is too old for it.
        """
        config = self._config()
        try:
            answer = await connection.ask_server(f"STREAM.CREATE.{self._stream}", **config)
        except Refused as refused:
            if refused.code != _NAME_IN_USE:
                raise
            info = await connection.ask_server(f"STREAM.INFO.{self._stream}")
            # Where it is kept, and how often, may be said by whoever runs the server.
            wanted = {**info["config"], **config, "storage": info["config"]["storage"]}
            answer = await connection.ask_server(f"STREAM.UPDATE.{self._stream}", **wanted)
        if not answer["config"].get("allow_msg_ttl"):
            raise Error("it is older than 2.11, the first whose keys can have leases")

    def told_of(self, service: str) -> str:
        """The subject of what is said of the endpoints of *service*, once it is stored."""
        return f"{self._told}.{self._environment}.{_token(service)}.>"

    @property
    def told_of_looks(self) -> str:
        """The subject on which processes tell each other that one has looked for the dead."""
        return f"outgrow.looked.{self._told.rpartition('.')[2]}"

    async def put_lease(
        self, connection: Connection, lease: str, *, expected: int | None = None
    ) -> Sent:
        """
        Let *lease* begin anew.

        Args:
            expected: The number that it got last; None if it may be another. If it has another, it
                has run out meanwhile, or the bucket is another one.
        """
        headers = {_TTL: f"{self.lease_seconds}s"}
        if expected is not None:
            headers[_EXPECTED] = str(expected)
        return await self._send(connection, f"{self._prefix}.lease.{lease}", b"", headers)

    async def put(self, connection: Connection, key: str, endpoint: Endpoint) -> Sent:
        """Let *endpoint* stand at *key*."""
        subject = self.name_of(endpoint.service, key)
        return await self._send(connection, subject, msgspec.json.encode(endpoint), {})

    async def delete(
        self, connection: Connection, name: str, *, expected: int | None = None
    ) -> Sent:
        """
        Let the endpoint called *name* have left.

        Args:
            expected: The number that it has; None if it may have any.
        """
        headers = {_OPERATION: "DEL", _TTL: f"{TOMBSTONE_SECONDS}s"}
        if expected is not None:
            headers[_EXPECTED] = str(expected)
        return await self._send(connection, name, b"", headers)

    async def read(self, connection: Connection, service: str) -> Snapshot:
        """
        What the bucket says of *service* now.

        Raises:
            Lost: The connection ended.
            NoAnswer: The server said nothing in time, or there is no bucket.
            Refused: It said no.
        """
        messages: list[Msg] = []
        _, lost = connection.promise()  # Ends with the connection only: nobody knows its subject.

        def take(message: Msg) -> None:
            messages.append(message)
            if STATUS in (message.headers or {}) and not lost.done():
                lost.set_result(message)

        asked = {"multi_last": [f"{self._prefix}.endpoint.{_token(service)}.>"]}
        with connection.taking(take) as reply:
            subject = f"$JS.API.DIRECT.GET.{self._stream}"
            try:
                await connection.publish(subject, msgspec.json.encode(asked), reply=reply)
                end = await in_time(lost, ANSWER_SECONDS_MAX)
            finally:
                lost.cancel()
        headers = end.headers or {}
        if headers[STATUS] not in _ENDED:
            text = f"it cannot be read: {headers[STATUS]} {headers.get('Description', '')}"
            raise NoAnswer(f"{self.name}: {text}")
        entries = [entry for m in messages[:-1] if (entry := self.entry_of(m)) is not None]
        return Snapshot(
            entries={entry.key: entry for entry in entries},
            sequence=int(headers.get(_UP_TO, 0)),
        )

    def entry_of(self, message: Msg) -> Entry | None:
        """What *message* says of an endpoint; None if it says nothing that can be read."""
        headers = message.headers or {}
        try:
            *_, service, lease, number = headers[_SUBJECT].split(".")
            sequence = int(headers[_SEQUENCE])
            if _OPERATION in headers:
                return Entry(f"{lease}.{number}", sequence, None)
            endpoint = msgspec.json.decode(message.data, type=Endpoint)
        except (KeyError, ValueError):
            return None  # Somebody else wrote it, or a later version: no endpoint of ours.
        if _token(endpoint.service) != service:
            return None  # It is of another service than that at whose key it stands.
        return Entry(f"{lease}.{number}", sequence, endpoint)

    async def names(self, connection: Connection) -> Names:
        """The keys that stand there now."""
        info = await connection.ask_server(
            f"STREAM.INFO.{self._stream}", subjects_filter=f"{self._keys}.>"
        )
        endpoints, leases = set(), set()
        for subject in info["state"].get("subjects") or {}:
            kind, _, rest = subject.removeprefix(f"{self._keys}.").partition(".")[2].partition(".")
            if kind == "endpoint" and rest.count(".") == 2:
                endpoints.add(subject)
            elif kind == "lease":
                leases.add(rest)
        return Names(endpoints=frozenset(endpoints), leases=frozenset(leases))

    async def standing(self, connection: Connection, name: str) -> int | None:
        """The number of the endpoint called *name*; None if it has left."""
        message = await self._last(connection, name)
        if message is None or _OPERATION.encode() in base64.b64decode(message.get("hdrs", "")):
            return None
        sequence: int = message["seq"]
        return sequence

    async def has_lease(self, connection: Connection, name: str) -> bool:
        """Whether the lease of the endpoint called *name* has not run out."""
        environment, lease = name.split(".")[-5], lease_of(name)
        subject = f"{self._keys}.{environment}.lease.{lease}"
        return await self._last(connection, subject) is not None

    def name_of(self, service: str, key: str) -> str:
        """What the endpoint at *key* is called in the bucket."""
        return f"{self._prefix}.endpoint.{_token(service)}.{key}"

    async def _last(self, connection: Connection, subject: str) -> Any:
        """The message at *subject* as the bucket's leader has it; replicas may be behind."""
        try:
            answer = await connection.ask_server(
                f"STREAM.MSG.GET.{self._stream}", last_by_subj=subject
            )
        except Refused as refused:
            if refused.code != _NO_MESSAGE:
                raise
            return None
        return answer["message"]

    async def _send(
        self, connection: Connection, subject: str, value: bytes, headers: dict[str, str]
    ) -> Sent:
        reply, answered = connection.promise()
        try:
            await connection.publish(subject, value, reply=reply, headers=headers or None)
        except BaseException:
            answered.cancel()
            raise
        return Sent(subject, answered)

    def _config(self) -> dict[str, Any]:
        return {
            "name": self._stream,
            "description": "Which processes answer for which services; made by outgrow.",
            "subjects": [f"{self._keys}.>"],
            "storage": "memory",
            "max_msgs_per_subject": 1,
            "max_bytes": BUCKET_BYTES_MAX,
            "max_msg_size": ENDPOINT_BYTES_MAX,
            "discard": "new",
            "allow_direct": True,
            "allow_msg_ttl": True,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "republish": {
                "src": f"{self._keys}.*.endpoint.>",
                "dest": f"{self._told}.{{{{wildcard(1)}}}}.>",
            },
        }


def lease_of(name: str) -> str:
    """The lease of the endpoint called *name*."""
    return name.split(".")[-2]


async def pause(event: asyncio.Event, seconds: float) -> bool:
    """Wait for *event*, but not longer than *seconds*; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _token(name: str) -> str:
    """*name* as a part of a key: what has a meaning there is written as its number."""
    written = "".join(
        one if _PLAIN.match(one) else "".join(f"={byte:02x}" for byte in one.encode())
        for one in name
    )
    return written or "="
