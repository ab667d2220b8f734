"""
Protobuf messages built from contracts when the program starts; no generated files.

A service of the application is a package, ``<app>.<service>.v1``. It holds the gRPC service
``<Contract>``, a message for each record and enumeration that the contract uses, and for
each method ``<Method>Request`` and ``<Method>Reply``. Field numbers follow the order of definition.

- A single value carries presence (``optional``), so that a missing one is told from an empty one.
- A reply is field ``value`` of its message, so that a method may return more one day.
- ``datetime`` is ``google.protobuf.Timestamp``: it spans the same years, keeps microseconds, and is
  what other languages expect.
- An enumeration is a protobuf one whose zero means that nothing was said.
- ``list | None`` and ``dict | None`` are wrapped, so that None and empty stay different.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodOptions,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from outgrow.contracts import (
    Choice,
    ContractModel,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Method,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    fields_of,
    place_of,
)
from outgrow.errors import Finding, InvalidContract

_KINDS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int": FieldDescriptorProto.TYPE_INT64,
    "float": FieldDescriptorProto.TYPE_DOUBLE,
    "str": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
_LEVELS = {
    "safe": MethodOptions.NO_SIDE_EFFECTS,
    "idempotent": MethodOptions.IDEMPOTENT,
    "unsafe": MethodOptions.IDEMPOTENCY_UNKNOWN,
}
_TIMESTAMP = "google.protobuf.Timestamp"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Messages:
    """
    The messages of one application, in a descriptor pool of its own.

    Attributes:
        services: The full names of the gRPC services, sorted.
        public: The pool that reflection shows.
    """

    def __init__(self, application: str, models: Iterable[ContractModel]) -> None:
        """
        Build the messages of *models*.

        Args:
            application: Its name begins the names of all packages; dashes become underscores.
            models: The contracts; several of one service and version share a package.

        Raises:
            InvalidContract: Names that protobuf cannot hold, all at once.
        """
        self._application = application.replace("-", "_")
        self._models: dict[Method, ContractModel] = {}
        self.public = DescriptorPool()
        self._private = DescriptorPool()
        for pool in (self.public, self._private):
            pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        packages: dict[str, _Package] = {}
        findings: list[Finding] = []
        for model in models:
            name = self.wire_name(model).rpartition(".")[0]
            packages.setdefault(name, _Package(name, findings)).add_contract(model)
            self._models.update(dict.fromkeys(model.methods.values(), model))
        for package in packages.values():
            self._add(package, findings)
        InvalidContract.raise_if_any(findings)
        self.services = tuple(sorted({self.wire_name(m) for m in self._models.values()}))

    def wire_name(self, model: ContractModel) -> str:
        """The full name of the gRPC service of *model*."""
        return model.wire_name(self._application)

    def contract_of(self, method: Method) -> ContractModel:
        """The contract that *method* belongs to."""
        return self._models[method]

    def _add(self, package: _Package, findings: list[Finding]) -> None:
        # A protobuf map forgets the order of its entries. On the wire it is a list of entries, so
        # our own side declares it as one and a dict keeps its order. Others see the map.
        try:
            self.public.AddSerializedFile(package.file.SerializeToString())
            self._private.AddSerializedFile(_without_maps(package.file).SerializeToString())
        except TypeError as error:
            findings.append(
                Finding(
                    place=package.place,
                    message=f"package {package.file.package} is no protobuf: {error}.",
                    remedy="Rename what it names.",
                    slug="protobuf-name",
                )
            )

    def path(self, method: Method) -> str:
        """The path of *method* over HTTP/2: ``/<app>.<service>.v1.<Contract>/<Method>``."""
        return f"/{self.wire_name(self._models[method])}/{camel(method.name)}"

    def request(self, method: Method) -> type[Message]:
        """The message class of the method's arguments."""
        return self._message_class(method, "Request")

    def reply(self, method: Method) -> type[Message]:
        """The message class that wraps the method's reply in ``value``."""
        return self._message_class(method, "Reply")

    def _message_class(self, method: Method, role: str) -> type[Message]:
        package = self.wire_name(self._models[method]).rpartition(".")[0]
        name = f"{package}.{camel(method.name)}{role}"
        return GetMessageClass(self._private.FindMessageTypeByName(name))


class _Package:
    """One package while it is written: everything of one service and version."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self.file = FileDescriptorProto(
            name=f"{name.replace('.', '/')}.proto",
            package=name,
            syntax="proto3",
            dependency=[timestamp_pb2.DESCRIPTOR.name],
        )
        self.place = name
        self._findings = findings
        self._owners: dict[str, object] = {}

    def add_contract(self, model: ContractModel) -> None:
        """Write the gRPC service of *model* and all that it uses."""
        self.place = model.place
        if not self._claim(model.name, model):
            return
        service = self.file.service.add(name=model.name)
        for method in model.methods.values():
            name = camel(method.name)
            fields = [parameter.field for parameter in method.parameters]
            self._add_message(f"{name}Request", fields, method, method.place)
            self._add_message(f"{name}Reply", [Field("value", method.reply)], method, method.place)
            rpc = service.method.add(
                name=name,
                input_type=f".{self.file.package}.{name}Request",
                output_type=f".{self.file.package}.{name}Reply",
            )
            rpc.options.idempotency_level = _LEVELS[method.repeat]

    def _claim(self, name: str, owner: object) -> bool:
        """Whether *owner* comes first with *name*; that another has it already is a finding."""
        known = self._owners.setdefault(name, None)
        if known is None and _NAME.fullmatch(name):
            self._owners[name] = owner
            return True
        if known is not owner:
            self._find(
                f"{name!r} names two things in package {self.file.package}, or is not plain ASCII.",
                "Rename one of them.",
            )
        return False

    def _find(self, message: str, remedy: str) -> None:
        self._findings.append(
            Finding(place=self.place, message=message, remedy=remedy, slug="protobuf-name")
        )

    def _add_message(self, name: str, fields: Iterable[Field], owner: object, place: str) -> None:
        self.place = place
        if not self._claim(name, owner):
            return
        message = self.file.message_type.add(name=name)
        fields = list(fields)
        names = {field.name for field in fields}
        for field in fields:
            self._check_field_name(field.name, name)
            self._add_field(message, field.name, field.shape, names)

    def _check_field_name(self, name: str, message: str) -> None:
        if not _NAME.fullmatch(name) or hasattr(Message, name):
            self._find(
                f"{name!r} cannot be a field of {message}: it is not plain ASCII, or protobuf "
                "uses the name itself.",
                "Rename the field or parameter.",
            )

    def _add_field(
        self, message: DescriptorProto, name: str, shape: Shape, taken: set[str]
    ) -> FieldDescriptorProto:
        field = message.field.add(
            name=name,
            number=len(message.field) + 1,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
        inner = shape.item if isinstance(shape, Maybe) else shape
        match inner:
            case Scalar(kind="datetime"):
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_TIMESTAMP}"
            case Scalar(kind=kind):
                field.type = _KINDS[kind]
                _give_presence(message, field, taken)
            case Choice(enum=enum):
                field.type, field.type_name = FieldDescriptorProto.TYPE_ENUM, self._enum(enum)
                _give_presence(message, field, taken)
            case RecordShape(record=record):
                field.type, field.type_name = (
                    FieldDescriptorProto.TYPE_MESSAGE,
                    self._record(record),
                )
            case ListOf() | MapOf() if inner is not shape:
                self._wrap(message, field, inner)
            case ListOf(item=item):
                self._repeat(field, item)
            case MapOf(value=value):
                self._map(message, field, value)
            case Nothing():
                del message.field[-1]
        return field

    def _wrap(self, message: DescriptorProto, field: FieldDescriptorProto, shape: Shape) -> None:
        wrapper = message.nested_type.add(name=f"Optional{camel(field.name)}")
        self._add_field(wrapper, "items", shape, set())
        # Names without a leading dot are looked up from the inside out.
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, wrapper.name

    def _repeat(self, field: FieldDescriptorProto, item: Shape) -> None:
        # The item is written as a field and made repeated: its presence would mean nothing.
        number = field.number
        single = self._add_field(DescriptorProto(), field.name, item, set())
        field.CopyFrom(single)
        field.ClearField("proto3_optional")
        field.ClearField("oneof_index")
        field.number, field.label = number, FieldDescriptorProto.LABEL_REPEATED

    def _map(self, message: DescriptorProto, field: FieldDescriptorProto, value: Shape) -> None:
        entry = message.nested_type.add(name=f"{camel(field.name)}Entry")
        entry.options.map_entry = True
        for name, shape in (("key", Scalar("str")), ("value", value)):
            part = self._add_field(entry, name, shape, set())
            part.ClearField("proto3_optional")
            part.ClearField("oneof_index")
        entry.ClearField("oneof_decl")
        field.label = FieldDescriptorProto.LABEL_REPEATED
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry.name

    def _record(self, record: type) -> str:
        place = self.place
        self._add_message(record.__name__, fields_of(record), record, place_of(record))
        self.place = place
        return f".{self.file.package}.{record.__name__}"

    def _enum(self, enum: type[Enum]) -> str:
        if self._claim(enum.__name__, enum):
            prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.__name__).upper()
            values = self.file.enum_type.add(name=enum.__name__).value
            values.add(name=f"{prefix}_UNSPECIFIED", number=0)
            for number, member in enumerate(enum, start=1):
                values.add(name=f"{prefix}_{member.name.upper()}", number=number)
        return f".{self.file.package}.{enum.__name__}"


def camel(name: str) -> str:
    """*name* in the spelling of protobuf's messages and methods: ``get_order`` is ``GetOrder``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _give_presence(message: DescriptorProto, field: FieldDescriptorProto, taken: set[str]) -> None:
    name = f"_{field.name}"
    while name in taken:
        name = f"X{name}"
    field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
    message.oneof_decl.add(name=name)


def _without_maps(file: FileDescriptorProto) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    messages: list[Any] = list(copy.message_type)
    while messages:
        message = messages.pop()
        message.options.ClearField("map_entry")
        messages.extend(message.nested_type)
    return copy
