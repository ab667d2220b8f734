"""
Protobuf messages built from contracts when the program starts; no generated files.

How shapes become messages is decided by the layout (`outgrow.contracts.lay_out`), which the
committed ``.proto`` is written from as well. Here it becomes descriptors of Google's library.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodOptions,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from outgrow.contracts import (
    ContractModel,
    Method,
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    camel,
    lay_out,
    package_key,
)
from outgrow.contracts.descriptions import Numbers, NumbersByPackage
from outgrow.errors import Finding, InvalidContract

_KINDS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}
_LEVELS = {
    "safe": MethodOptions.NO_SIDE_EFFECTS,
    "idempotent": MethodOptions.IDEMPOTENT,
    "unsafe": MethodOptions.IDEMPOTENCY_UNKNOWN,
}
_KNOWN = (duration_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR)


class Messages:
    """
    The messages of one application, in a descriptor pool of its own.

    Attributes:
        application: Whose contracts these are.
        services: The full names of the gRPC services, sorted.
        public: The pool that reflection shows.
    """

    def __init__(
        self,
        application: str,
        models: Iterable[ContractModel],
        numbers: NumbersByPackage | None = None,
    ) -> None:
        """
        Build the messages of *models*.

        Args:
            application: Its name begins the names of all packages; dashes become underscores.
            models: The contracts; several of one service and version share a package.
            numbers: The numbers of fields in the committed files, by ``<service>.v<version>``.

        Raises:
            InvalidContract: Names that protobuf cannot hold, all at once.
        """
        self.application = application
        self._application = application.replace("-", "_")
        self._models: dict[Method, ContractModel] = {}
        self._methods: dict[Method, tuple[str, ProtoMethod]] = {}
        self.public = DescriptorPool()
        self._private = DescriptorPool()
        for pool in (self.public, self._private):
            for known in _KNOWN:
                pool.AddSerializedFile(known.serialized_pb)
        packages: dict[str, list[ContractModel]] = {}
        for model in models:
            packages.setdefault(package_key(model), []).append(model)
            self._models.update(dict.fromkeys(model.methods.values(), model))
        findings: list[Finding] = []
        for key, together in packages.items():
            try:
                self._add(lay_out(application, together, (numbers or {}).get(key) or Numbers()))
            except InvalidContract as invalid:
                findings += invalid.findings
        InvalidContract.raise_if_any(findings)
        self.services = tuple(sorted({self.wire_name(m) for m in self._models.values()}))

    def wire_name(self, model: ContractModel) -> str:
        """The full name of the gRPC service of *model*."""
        return model.wire_name(self._application)

    def contract_of(self, method: Method) -> ContractModel:
        """The contract that *method* belongs to."""
        return self._models[method]

    def _add(self, file: ProtoFile) -> None:
        # A protobuf map forgets the order of its entries. On the wire it is a list of entries, so
        # our own side declares it as one and a dict keeps its order. Others see the map.
        descriptor = _file(file)
        try:
            self.public.AddSerializedFile(descriptor.SerializeToString())
            self._private.AddSerializedFile(_without_maps(descriptor).SerializeToString())
        except TypeError as error:
            finding = Finding(
                place=file.services[0].model.place,
                message=f"package {file.package} is no protobuf: {error}.",
                remedy="Rename what it names.",
                slug="protobuf-name",
            )
            raise InvalidContract([finding]) from error
        for service in file.services:
            for made in service.methods:
                self._methods[made.method] = (file.package, made)

    def path(self, method: Method) -> str:
        """The path of *method* over HTTP/2: ``/<app>.<service>.v1.<Contract>/<Method>``."""
        return f"/{self.wire_name(self._models[method])}/{camel(method.name)}"

    def layout(self, method: Method) -> ProtoMethod:
        """How the method's request and reply are laid out."""
        return self._methods[method][1]

    def request(self, method: Method) -> type[Message]:
        """The message class of the method's arguments."""
        package, made = self._methods[method]
        return self._message_class(package, made.request)

    def reply(self, method: Method) -> type[Message]:
        """The message class that wraps the method's reply in ``value``."""
        package, made = self._methods[method]
        return self._message_class(package, made.reply)

    def _message_class(self, package: str, message: ProtoMessage) -> type[Message]:
        return GetMessageClass(self._private.FindMessageTypeByName(f"{package}.{message.name}"))


def _file(file: ProtoFile) -> FileDescriptorProto:
    descriptor = FileDescriptorProto(
        name=f"{file.package.replace('.', '/')}.proto",
        package=file.package,
        syntax="proto3",
        dependency=[known.name for known in _KNOWN],
    )
    for message in file.messages:
        _write_message(descriptor.message_type.add(), message, file.package)
    for enum in file.enums:
        _write_enum(descriptor.enum_type.add(), enum)
    for service in file.services:
        written = descriptor.service.add(name=service.name)
        for made in service.methods:
            rpc = written.method.add(
                name=made.name,
                input_type=f".{file.package}.{made.request.name}",
                output_type=f".{file.package}.{made.reply.name}",
                client_streaming=made.method.stream is not None,
                server_streaming=made.method.is_reply_stream,
            )
            rpc.options.idempotency_level = _LEVELS[made.method.repeat]
    return descriptor


def _write_enum(written: EnumDescriptorProto, enum: ProtoEnum) -> None:
    written.name = enum.name
    written.value.add(name=f"{enum.prefix}UNSPECIFIED", number=0)
    for name, number in enum.values.items():
        written.value.add(name=f"{enum.prefix}{name}", number=number)


def _write_message(written: DescriptorProto, message: ProtoMessage, package: str) -> None:
    written.name = message.name.rpartition(".")[2]
    for inner in message.messages:
        _write_message(written.nested_type.add(), inner, package)
    taken = {field.name for field in message.fields}
    for field in message.fields:
        made = written.field.add(name=field.name, number=field.number, json_name=field.json_name)
        _give_type(made, field, package)
        if message.role == "one_of":
            made.oneof_index = 0
        elif field.label == "optional":
            _give_presence(written, made, taken)
        elif field.label == "map":
            _make_map(written, made, field)
        elif field.label == "repeated":
            made.label = FieldDescriptorProto.LABEL_REPEATED
    if message.role == "one_of":
        written.oneof_decl.add(name=message.one_of)


def _give_type(made: FieldDescriptorProto, field: ProtoField, package: str) -> None:
    made.label = FieldDescriptorProto.LABEL_OPTIONAL
    if field.type in _KINDS:
        made.type = _KINDS[field.type]
        return
    is_enum = isinstance(field.target, ProtoEnum)
    made.type = FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
    made.type_name = f".{field.type}" if field.target is None else f".{package}.{field.type}"


def _give_presence(written: DescriptorProto, made: FieldDescriptorProto, taken: set[str]) -> None:
    name = f"_{made.name}"
    while name in taken:
        name = f"X{name}"
    made.proto3_optional, made.oneof_index = True, len(written.oneof_decl)
    written.oneof_decl.add(name=name)


def _make_map(written: DescriptorProto, made: FieldDescriptorProto, field: ProtoField) -> None:
    entry = written.nested_type.add(name=f"{camel(field.name)}Entry")
    entry.options.map_entry = True
    key = entry.field.add(name="key", number=1, type=_KINDS[field.key])
    key.label = FieldDescriptorProto.LABEL_OPTIONAL
    value = entry.field.add()
    value.CopyFrom(made)
    value.name, value.number, value.json_name = "value", 2, "value"
    # Names without a leading dot are looked up from the inside out.
    made.type, made.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry.name
    made.label = FieldDescriptorProto.LABEL_REPEATED


def _without_maps(file: FileDescriptorProto) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    messages: list[Any] = list(copy.message_type)
    while messages:
        message = messages.pop()
        message.options.ClearField("map_entry")
        messages.extend(message.nested_type)
    return copy
