"""
The layout of a protobuf package, as plain data.

Descriptors, converters and the text of the ``.proto`` are made of it, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from outgrow.contracts.descriptions import MessageNumbers
from outgrow.contracts.model import ContractModel, Method
from outgrow.contracts.shapes import Choice, Shape


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoField:
    """
    A field of a message.

    Attributes:
        name: Its name; that of the field or parameter in Python.
        number: Its number.
        shape: What it carries as a whole.
        type: Protobuf's word for a single value, such as ``int64``, or the name of what it is made
            of, such as ``Order``, ``Order.LinesItem`` or ``google.protobuf.Timestamp``.
        target: The message or enumeration of this package that *type* names.
        label: ``optional`` for a single value that tells whether it was given; nothing for a single
            message, which always does.
        key: Protobuf's word for the keys of a map.
        wraps: Whether each value lies in a message of its own, *target*, because protobuf cannot
            hold it directly: a list in a list, or a list that may be None.
        json_name: Its name in JSON.
        doc: What is said about it: limits and default.
    """

    name: str
    number: int
    shape: Shape
    type: str = ""
    target: ProtoMessage | ProtoEnum | None = None
    label: Literal["", "optional", "repeated", "map"] = ""
    key: str = ""
    wraps: bool = False
    json_name: str = ""
    doc: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoMessage:
    """
    A message.

    Attributes:
        name: Its name in its package; of a nested one ``Order.LinesItem``.
        role: What it is there for. A ``wrapper`` has one field; a ``one_of`` has one field for each
            member, of which one is there.
        shape: What one message carries; None for requests and replies.
        fields: In their order in Python. A reply without a value has none.
        messages: Those that lie in it, because only its fields use them.
        owner: The field that such a one is there for.
        gone: Numbers and names of fields that it had once.
    """

    name: str
    role: Literal["request", "reply", "record", "tuple", "wrapper", "one_of"]
    shape: Shape | None = None
    fields: list[ProtoField] = field(default_factory=list)
    messages: list[ProtoMessage] = field(default_factory=list)
    owner: str = ""
    gone: MessageNumbers = field(default_factory=MessageNumbers)
    doc: str = ""

    @property
    def one_of(self) -> str:
        """The name of the ``oneof`` that the fields of a union are members of."""
        name = "one_of"
        while name in {field.name for field in self.fields}:
            name += "_"
        return name


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoEnum:
    """
    An enumeration.

    Attributes:
        shape: What one value carries.
        values: The numbers of its members, by the names of Python; zero is not among them.
        prefix: What the names of its values begin with.
        gone: Numbers and names of members that it had once.
    """

    name: str
    shape: Choice
    values: dict[str, int]
    prefix: str
    gone: MessageNumbers = field(default_factory=MessageNumbers)
    doc: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoMethod:
    """A method with its request and its reply."""

    name: str
    method: Method
    request: ProtoMessage
    reply: ProtoMessage


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoService:
    """A contract with its methods."""

    name: str
    model: ContractModel
    methods: list[ProtoMethod] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class ProtoFile:
    """
    A package: all contracts of one service and version.

    Attributes:
        package: ``<app>.<service>.v1``.
        parts: The messages and enumerations that lie in no other, in the order of their first use.
    """

    package: str
    services: list[ProtoService] = field(default_factory=list)
    parts: list[ProtoMessage | ProtoEnum] = field(default_factory=list)

    @property
    def messages(self) -> list[ProtoMessage]:
        """The messages that lie in no other."""
        return [part for part in self.parts if isinstance(part, ProtoMessage)]

    @property
    def enums(self) -> list[ProtoEnum]:
        """The enumerations."""
        return [part for part in self.parts if isinstance(part, ProtoEnum)]
