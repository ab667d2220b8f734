"""What a contract says, as plain data. Everything else is derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from outgrow.contracts.declarations import Binding
from outgrow.contracts.events import Event
from outgrow.contracts.problems import Problem
from outgrow.contracts.shapes import Field, Maybe, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """
    A parameter of a method.

    Attributes:
        name: Its name, in Python and on the wire.
        shape: What its value looks like; of a stream, each item.
        hint: Its resolved type hint; of a stream, that of each item.
        default: Its default, or `msgspec.NODEFAULT`.
        is_stream: Whether it is an iterator of such values, which come while the call goes on.
    """

    name: str
    shape: Shape
    hint: Any
    default: Any = msgspec.NODEFAULT
    is_stream: bool = False

    @property
    def field(self) -> Field:
        """
        The parameter as a field of the method's request.

        That of a stream is what one message of the request may carry: an item, or none.
        """
        if self.is_stream:
            return Field(self.name, Maybe(self.shape), None)
        return Field(self.name, self.shape, self.default)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Method:
    """
    A method of a contract.

    Attributes:
        service: Short name of the service that keeps the contract.
        version: That of the contract.
        name: The method's name in Python.
        kind: Whether it asks or changes.
        repeat: What is promised about repeats.
        parameters: In the order of the signature.
        reply: What it returns; of a stream, each item.
        reply_hint: The resolved type hint of what it returns; of a stream, of each item.
        is_reply_stream: Whether it replies with an iterator, whose items come while it goes on.
        http: Where it is found over HTTP, if anywhere.
        allow: The permission that a caller from outside needs.
        problems: The problems that are among its replies, by their names on the wire.
        deadline_seconds: The longest that it may take, if the contract says so.
        doc: Its docstring, without indentation.
        place: ``file:line`` of its definition.
    """

    service: str
    version: int
    name: str
    kind: Literal["query", "command"]
    repeat: Literal["safe", "idempotent", "unsafe"]
    parameters: tuple[Parameter, ...]
    reply: Shape
    reply_hint: Any
    http: Binding | None
    allow: str | None
    problems: dict[str, type[Problem]]
    deadline_seconds: float | None
    doc: str
    place: str
    is_reply_stream: bool = False

    @property
    def stream(self) -> Parameter | None:
        """The parameter that is a stream, if one is; there is at most one."""
        return next((each for each in self.parameters if each.is_stream), None)

    @property
    def is_streaming(self) -> bool:
        """Whether items travel while the call goes on, whichever way."""
        return self.is_reply_stream or self.stream is not None

    @property
    def full_name(self) -> str:
        """``service.method``, as in logs, keys and errors; of version 2 ``service.v2.method``."""
        version = f"v{self.version}." if self.version > 1 else ""
        return f"{self.service}.{version}{self.name}"

    @property
    def is_keyed(self) -> bool:
        """Whether the method promises one effect for one key."""
        return self.repeat == "idempotent"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventModel:
    """
    An event that a contract's module names; see `public_events`.

    Attributes:
        event: The class.
        type: Its name on the wire, ``service.Class``.
        fields: Its fields.
        key: The field that keeps its order; None if order does not matter.
        schema: The number of the form in which it is recorded.
        aliases: The names on the wire that it had before.
        upcasts: The older schema numbers that can be read, ascending.
        doc: Its docstring, without indentation.
    """

    event: type[Event]
    type: str
    fields: tuple[Field, ...]
    key: str | None
    schema: int
    aliases: tuple[str, ...]
    upcasts: tuple[int, ...]
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContractModel:
    """
    A contract, read once.

    Attributes:
        contract: The class.
        service: Short name of the service that keeps it.
        package: Dotted name of the service's package or module.
        version: 1 unless the contract says otherwise.
        methods: By name, in the order of their definition.
        events: The events that the contract's module names; see `public_events`.
        doc: Its docstring, without indentation.
        place: ``file:line`` of its definition.
    """

    contract: type
    service: str
    package: str
    version: int
    methods: dict[str, Method]
    events: tuple[EventModel, ...]
    doc: str
    place: str

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.contract.__name__

    def wire_name(self, application: str) -> str:
        """The name of its gRPC service: ``<app>.<service>.v1.<Contract>``."""
        return f"{application}.{self.service}.v{self.version}.{self.name}"
