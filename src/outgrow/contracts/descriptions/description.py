"""
A service's contracts as plain data: what is frozen in a file, reported by a running process, and
compared.

A description says all that the other side of a call, a reader of an event or an HTTP client can
notice. It is JSON, and refers to no Python class, so that those of two revisions can be held beside
each other.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

FORMAT = 1
"""The version of this format; a file of another one is refused."""


class _Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Plain data; what has its default is left out of the file."""


class ScalarType(_Data, frozen=True, tag="scalar", tag_field="is"):
    """A single value: *kind* is that of `shapes.Scalar`; *limits* by their names."""

    kind: str
    limits: dict[str, Any] = {}


class EnumType(_Data, frozen=True, tag="enum", tag_field="is"):
    """A member of the enumeration *name* of its package."""

    name: str


class LiteralType(_Data, frozen=True, tag="literal", tag_field="is"):
    """One of *values*."""

    values: list[str | int]


class ListType(_Data, frozen=True, tag="list", tag_field="is"):
    """Any number of values."""

    item: Type
    collection: Literal["list", "tuple", "set", "frozenset"] = "list"
    limits: dict[str, Any] = {}


class TupleType(_Data, frozen=True, tag="tuple", tag_field="is"):
    """A fixed number of values."""

    items: list[Type]


class MapType(_Data, frozen=True, tag="map", tag_field="is"):
    """Values by keys."""

    key: Type
    value: Type
    limits: dict[str, Any] = {}


class OptionalType(_Data, frozen=True, tag="optional", tag_field="is"):
    """A value or None."""

    item: Type


class RecordType(_Data, frozen=True, tag="record", tag_field="is"):
    """The record *name* of its package."""

    name: str


class UnionType(_Data, frozen=True, tag="union", tag_field="is"):
    """
    One of several records.

    Attributes:
        tag_field: JSON's name for the tag.
        members: The names of the records, by their tags.
        numbers: The numbers of the members in their message, by their tags; none where there is
            only JSON.
    """

    tag_field: str
    members: dict[str, str]
    numbers: dict[str, int]


class NothingType(_Data, frozen=True, tag="nothing", tag_field="is"):
    """The reply of a method that returns None."""


Type = (
    ScalarType
    | EnumType
    | LiteralType
    | ListType
    | TupleType
    | MapType
    | OptionalType
    | RecordType
    | UnionType
    | NothingType
)


class FieldDescription(_Data, frozen=True):
    """
    A field of a record, event or problem, or a parameter of a method.

    Attributes:
        name: In Python, and in the ``.proto``.
        type: What its value looks like.
        number: Its number in the message; 0 in events and problems, which are only ever JSON.
        default: Its default as JSON, if it has one that is always the same.
        is_made: Whether something makes a default anew each time.
        encoded: Its name in JSON, if that differs.
        is_stream: Whether a parameter is a stream; then *type* is that of its items.
    """

    name: str
    type: Type
    number: int = 0
    default: Any | UnsetType = UNSET
    is_made: bool = False
    encoded: str = ""
    is_stream: bool = False

    @property
    def is_required(self) -> bool:
        """Whether a value must be given."""
        return self.default is UNSET and not self.is_made

    @property
    def json_name(self) -> str:
        """Its name in JSON."""
        return self.encoded or self.name


class RecordDescription(_Data, frozen=True):
    """
    A record: its fields in their order.

    One that only problems speak of is only ever JSON, and its fields have no numbers.
    """

    fields: list[FieldDescription]
    doc: str = ""
    place: str = ""


class EnumDescription(_Data, frozen=True):
    """
    An enumeration: the values of its members by their names, and their numbers.

    One that only events or problems speak of has no numbers.
    """

    values: dict[str, str | int]
    numbers: dict[str, int]
    doc: str = ""
    place: str = ""


class ProblemDescription(_Data, frozen=True):
    """A problem among a method's replies."""

    status: str
    fields: list[FieldDescription]
    doc: str = ""
    place: str = ""


class MethodDescription(_Data, frozen=True):
    """
    A method; the words are those of `outgrow.contracts.Method`.

    Attributes:
        http: Verb and path, such as ``GET /orders/{order_id}``; empty if there is none.
        problems: Their names on the wire.
        is_reply_stream: Whether it replies with a stream; then *reply* is the type of its items.
    """

    kind: Literal["query", "command"]
    repeat: Literal["safe", "idempotent", "unsafe"]
    parameters: list[FieldDescription]
    reply: Type
    http: str = ""
    allow: str | None = None
    problems: list[str] = []
    deadline_seconds: float | None = None
    is_reply_stream: bool = False
    doc: str = ""
    place: str = ""

    @property
    def stream(self) -> FieldDescription | None:
        """The parameter that is a stream, if one is."""
        return next((each for each in self.parameters if each.is_stream), None)


class ContractDescription(_Data, frozen=True):
    """
    A contract of one service and version.

    Attributes:
        records: What its methods and problems speak of, by name.
        enums: Likewise.
        problems: All problems of its methods, by their names on the wire.
        fingerprint: What two processes compare; hexadecimal.
    """

    name: str
    version: int
    methods: dict[str, MethodDescription]
    records: dict[str, RecordDescription] = {}
    enums: dict[str, EnumDescription] = {}
    problems: dict[str, ProblemDescription] = {}
    fingerprint: str = ""
    doc: str = ""
    place: str = ""


class EventDescription(_Data, frozen=True):
    """
    A public event.

    Attributes:
        key: The field that keeps its order; None if order does not matter.
        schema: The number of its shape.
        aliases: The names on the wire that it had before.
        upcasts: The schema numbers that can be read although they are older.
        records: What its fields speak of, by name.
    """

    key: str | None
    fields: list[FieldDescription]
    schema: int = 1
    aliases: list[str] = []
    upcasts: list[int] = []
    records: dict[str, RecordDescription] = {}
    enums: dict[str, EnumDescription] = {}
    doc: str = ""
    place: str = ""


class ServiceDescription(_Data, frozen=True):
    """
    All that a service promises to others.

    Attributes:
        contracts: By ``v<version>.<Contract>``.
        events: By their names on the wire, ``service.Class``.
    """

    application: str
    service: str
    contracts: dict[str, ContractDescription]
    events: dict[str, EventDescription] = {}
    format: int = FORMAT
