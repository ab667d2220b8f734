"""
How shapes become messages: the one place that decides it.

A service of the application is a package, ``<app>.<service>.v1``. It holds the gRPC service
``<Contract>``, a message for each record and enumeration that the contracts use, and for each
method ``<Method>Request`` and ``<Method>Reply``. Field numbers are those of the committed file, or
follow the order of definition.

- A single value carries presence (``optional``), so that a missing one is told from an empty one.
- A reply is field ``value`` of its message, so that a method may return more one day. Of a stream
  each message is one item.
- A parameter that is a stream is a field that may be absent: each message of the request that has
  it carries one item, and the first one carries the other parameters.
- An enumeration is a protobuf one whose zero means that nothing was said.
- What protobuf cannot hold directly lies in a message inside of the one that holds the field
  ``f``: a list or map that may be None in ``FOptional``; a list, map or optional in a list in
  ``FItem``, in a map in ``FValue``; a tuple in ``FTuple``; a union in ``FOneOf``. A second one of
  its kind in the same field is ``FItem2``. The name follows from the field alone, so that its
  neighbours change nothing. The numbers in there follow from the type alone (``items`` and
  ``value`` are 1, ``item_n`` is n), so that the same types are the same bytes whatever they were
  before; but those of a union follow the committed file, as they are part of its type.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from outgrow.contracts.descriptions import Numbers, helper_message
from outgrow.contracts.model import ContractModel, Method
from outgrow.contracts.places import place_of
from outgrow.contracts.protobuf.comments import field_doc
from outgrow.contracts.protobuf.names import (
    PLAIN,
    camel,
    json_name,
    member_name,
    value_key,
    value_prefix,
)
from outgrow.contracts.protobuf.proto import (
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from outgrow.contracts.protobuf.symbols import find_clashes
from outgrow.contracts.shapes import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
)
from outgrow.errors import Finding, InvalidContract

SCALARS = {
    "bool": "bool",
    "int": "int64",
    "float": "double",
    "str": "string",
    "bytes": "bytes",
    "datetime": "google.protobuf.Timestamp",
    "timedelta": "google.protobuf.Duration",
    "date": "string",
    "time": "string",
    "decimal": "string",
    "uuid": "string",
}
"""Protobuf's word for each kind of single value."""

MESSAGES = {"google.protobuf.Timestamp", "google.protobuf.Duration"}
"""Those of the words that are messages."""

_ITEM = "One item of the stream, or none. The other fields are those of the first message."
"""What a comment says of the field that carries a stream."""

_PYTHONS_OWN = {
    *("ByteSize", "Clear", "ClearExtension", "ClearField", "CopyFrom", "DESCRIPTOR"),
    *("DiscardUnknownFields", "Extensions", "FindInitializationErrors", "FromString"),
    *("HasExtension", "HasField", "IsInitialized", "ListFields", "MergeFrom", "MergeFromString"),
    *("ParseFromString", "RegisterExtension", "SerializePartialToString", "SerializeToString"),
    *("SetInParent", "UnknownFields", "WhichOneof"),
}
"""Names that messages in Python have themselves."""


def package_key(model: ContractModel) -> str:
    """The key of the model's package among the numbers: ``<service>.v<version>``."""
    return f"{model.service}.v{model.version}"


def lay_out(application: str, models: Sequence[ContractModel], numbers: Numbers) -> ProtoFile:
    """
    The package of *models*, which are of one service and version.

    Args:
        application: Its name begins the names of all packages; dashes become underscores.
        numbers: Those of the committed file; empty ones if there is none.

    Raises:
        InvalidContract: Names that protobuf cannot hold, all at once.
    """
    first = models[0]
    package = f"{application.replace('-', '_')}.{package_key(first)}"
    layout = _Layout(package, numbers)
    for model in models:
        layout.add_contract(model)
    InvalidContract.raise_if_any(layout.findings or find_clashes(layout.file))
    return layout.file


class _Layout:
    """A package while it is laid out."""

    def __init__(self, package: str, numbers: Numbers) -> None:
        self.file = ProtoFile(package=package)
        self.findings: list[Finding] = []
        self._numbers = numbers
        self._place: Any = package
        self._owners: dict[str, object] = {}
        self._known: dict[str, ProtoMessage | ProtoEnum] = {}

    def add_contract(self, model: ContractModel) -> None:
        """Add the gRPC service of *model* and all that it uses."""
        self._place = model.place
        if not self._claim(model.name, model):
            return
        service = ProtoService(name=model.name, model=model)
        self.file.services.append(service)
        for method in model.methods.values():
            service.methods.append(self._method(method))

    def _method(self, method: Method) -> ProtoMethod:
        self._place = method.place
        name = camel(method.name)
        request = ProtoMessage(name=f"{name}Request", role="request")
        reply = ProtoMessage(name=f"{name}Reply", role="reply")
        arguments = [parameter.field for parameter in method.parameters]
        for message, fields in ((request, arguments), (reply, [Field("value", method.reply)])):
            if self._claim(message.name, (method, message.role)):
                self._fill(message, fields, method.place)
        for field in request.fields:
            if method.stream is not None and field.name == method.stream.name:
                field.doc = f"{_ITEM}\n{field.doc}".rstrip()
        return ProtoMethod(name=name, method=method, request=request, reply=reply)

    def _claim(self, name: str, owner: object) -> bool:
        """Whether *owner* comes first with *name*; that another has it already is a finding."""
        known = self._owners.setdefault(name, None)
        if known is None and PLAIN.fullmatch(name):
            self._owners[name] = owner
            return True
        if known != owner:
            self.find(
                f"{name!r} names two things in package {self.file.package}, or is not plain ASCII.",
                "Rename one of them.",
            )
        return False

    def find(self, message: str, remedy: str) -> None:
        """Say what protobuf cannot hold."""
        # A class is looked for in its file only now: it takes a millisecond.
        place = self._place if isinstance(self._place, str) else place_of(self._place)
        self.findings.append(
            Finding(place=place, message=message, remedy=remedy, slug="protobuf-name")
        )

    def _fill(self, message: ProtoMessage, fields: Iterable[Field], place: Any) -> None:
        """Give *message* its *fields*; it stands in the file before what it uses."""
        self.file.parts.append(message)
        outside, self._place = self._place, place
        fields = [field for field in fields if not isinstance(field.shape, Nothing)]
        self.check_names(message.name, [field.name for field in fields])
        _Fields(self, message).add(fields)
        self._place = outside

    def check_names(self, message: str, names: list[str]) -> None:
        """Whether *names* can be those of the fields of one message."""
        told: dict[str, str] = {}
        for name in names:
            if not PLAIN.fullmatch(name) or name in _PYTHONS_OWN:
                self.find(
                    f"{name!r} cannot be a field of {message}: it is not plain ASCII, or protobuf "
                    "uses the name itself.",
                    "Rename the field or parameter.",
                )
            other = told.setdefault(json_name(name), name)
            if other != name:
                self.find(
                    f"{other!r} and {name!r} of {message} are one name to protobuf.",
                    "Rename one of them.",
                )

    def record(self, shape: RecordShape) -> ProtoMessage:
        """The message of a record, laid out once."""
        if self._claim(shape.name, shape.record):
            message = ProtoMessage(name=shape.name, role="record", shape=shape, doc=_doc(shape.cls))
            self._known[shape.name] = message
            self._fill(message, fields_of(shape.record), shape.cls)
        found = self._known.get(shape.name)
        return found if isinstance(found, ProtoMessage) else _nothing(shape)

    def enum(self, shape: Choice) -> ProtoEnum:
        """The enumeration of *shape*, laid out once."""
        name = shape.enum.__name__
        if self._claim(name, shape.enum):
            self._known[name] = found = self._new_enum(name, shape)
            self.file.parts.append(found)
        known = self._known.get(name)
        if isinstance(known, ProtoEnum):
            return known
        return ProtoEnum(name=name, shape=shape, values={}, prefix="")

    def _new_enum(self, name: str, shape: Choice) -> ProtoEnum:
        members = [member.name for member in shape.enum]
        outside, self._place = self._place, shape.enum
        told = dict.fromkeys(_keys(name, "UNSPECIFIED"), "its zero")
        for member in members:
            others = {told.setdefault(key, repr(member)) for key in _keys(name, member)}
            others.discard(repr(member))
            if not PLAIN.fullmatch(f"X{member}"):
                self.find(f"{member!r} of {name} is not plain ASCII.", "Rename the member.")
            elif others:
                self.find(
                    f"protobuf cannot tell {member!r} of {name} from {min(others)}.",
                    "Rename one of them.",
                )
        self._place = outside
        return ProtoEnum(
            name=name,
            shape=shape,
            values=self._numbers.of(name, members),
            prefix=value_prefix(name),
            gone=self._numbers.removed(name, members),
            doc=_doc(shape.enum),
        )

    def number(self, message: ProtoMessage, names: list[str]) -> dict[str, int]:
        """The numbers of the fields *names* of *message*; what else it had is gone."""
        message.gone = self._numbers.removed(message.name, names)
        return self._numbers.of(message.name, names)


class _Fields:
    """The fields of one message while they are laid out, with the messages that lie in it."""

    def __init__(self, layout: _Layout, message: ProtoMessage) -> None:
        self._layout = layout
        self._message = message
        self._inner: dict[tuple[str, str], int] = {}

    def add(self, fields: list[Field]) -> None:
        """Lay out *fields* in their order."""
        numbers = self._layout.number(self._message, [field.name for field in fields])
        for field in fields:
            self._message.fields.append(self._field(field, field.name, numbers[field.name]))

    def _field(self, field: Field, owner: str, number: int) -> ProtoField:
        """A field of this message, or of one inside of it that is there for the field *owner*."""
        made = ProtoField(
            name=field.name,
            number=number,
            shape=field.shape,
            json_name=field.encoded,
            doc=field_doc(field),
        )
        inner = field.shape.item if isinstance(field.shape, Maybe) else field.shape
        match inner:
            case ListOf() | MapOf() if inner is not field.shape:
                helper = self._helper(owner, "Optional", "wrapper", inner)
                self._wrap(made, helper, self._own("items", inner, owner, 1))
            case ListOf(item=item):
                made.label = "repeated"
                self._part(made, owner, item, "Item")
            case MapOf(key=key, value=value):
                made.label, made.key = "map", _key_word(key)
                self._part(made, owner, value, "Value")
            case _:
                self._single(made, owner, inner)
                made.label = "" if _is_message(made) else "optional"
        return made

    def _part(self, made: ProtoField, owner: str, item: Shape, role: str) -> None:
        """Say what the items of a list or the values of a map are."""
        if not isinstance(item, Maybe | ListOf | MapOf):
            self._single(made, owner, item)
            return
        helper = self._helper(owner, role, "wrapper", item)
        name = "items" if isinstance(item, ListOf | MapOf) else "value"
        self._wrap(made, helper, self._own(name, item, owner, 1))

    def _wrap(self, made: ProtoField, helper: ProtoMessage, inner: ProtoField) -> None:
        made.type, made.target, made.wraps = helper.name, helper, True
        helper.fields.append(inner)

    def _own(self, name: str, shape: Shape, owner: str, number: int) -> ProtoField:
        """A field that only protobuf has: in JSON nothing is called like it."""
        made = self._field(Field(name, shape), owner, number)
        made.json_name = json_name(name)
        return made

    def _single(self, made: ProtoField, owner: str, shape: Shape) -> None:
        match shape:
            case Scalar(kind=kind):
                made.type = SCALARS[kind]
            case OneValueOf(scalar=Scalar(kind=kind)):
                made.type = SCALARS[kind]
            case Choice():
                made.target = self._layout.enum(shape)
                made.type = made.target.name
            case RecordShape():
                made.target = self._layout.record(shape)
                made.type = made.target.name
            case TupleOf(items=items):
                made.target = helper = self._helper(owner, "Tuple", "tuple", shape)
                made.type = helper.name
                for n, item in enumerate(items, start=1):
                    helper.fields.append(self._own(f"item_{n}", item, owner, n))
            case OneOf(members=members):
                parts = [(member_name(tag), record) for tag, record in members]
                made.target = helper = self._helper(owner, "OneOf", "one_of", shape)
                made.type = helper.name
                names = [name for name, _ in parts]
                self._check_members(helper, names)
                numbers = self._layout.number(helper, names)
                for name, record in parts:
                    helper.fields.append(self._own(name, record, owner, numbers[name]))

    def _check_members(self, helper: ProtoMessage, names: list[str]) -> None:
        self._layout.check_names(helper.name, names)
        if len(set(names)) < len(names):
            self._layout.find(
                f"two tags of {helper.name} are one name to protobuf.", "Change one of the tags."
            )

    def _helper(self, owner: str, kind: str, role: Any, shape: Shape) -> ProtoMessage:
        """A new message inside of this one; the second of its *kind* is told by a number."""
        count = self._inner[owner, kind] = self._inner.get((owner, kind), 0) + 1
        name = helper_message(self._message.name, owner, kind, count)
        helper = ProtoMessage(name=name, role=role, shape=shape, owner=owner)
        self._message.messages.append(helper)
        return helper


def _keys(enum: str, member: str) -> set[tuple[str, str]]:
    """What protobuf tells a value of *enum* by, in one language or another."""
    return {("plain", member.lower()), ("json", value_key(enum, member))}


def _is_message(field: ProtoField) -> bool:
    return isinstance(field.target, ProtoMessage) or field.type in MESSAGES


def _key_word(key: Scalar | Choice | OneValueOf) -> str:
    return "int64" if isinstance(key, Scalar) and key.kind == "int" else "string"


def _nothing(shape: RecordShape) -> ProtoMessage:
    """What stands for a record whose name is another's already, which is a finding."""
    return ProtoMessage(name=shape.name, role="record", shape=shape)


def _doc(cls: type) -> str:
    """The class's own docstring; that which `dataclass` writes is none."""
    doc = cls.__dict__.get("__doc__") or ""
    return "" if doc.startswith(f"{cls.__name__}(") else inspect.cleandoc(doc)
