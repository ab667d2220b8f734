"""The ``.proto`` of a package: what others compile, and where field numbers are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from outgrow.contracts.descriptions import MessageNumbers, Numbers
from outgrow.contracts.model import ContractModel, Method
from outgrow.contracts.protobuf.layout import MESSAGES, lay_out
from outgrow.contracts.protobuf.names import json_name
from outgrow.contracts.protobuf.proto import (
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from outgrow.contracts.protobuf.symbols import symbols_in

_HEAD = """\
// Written by `outgrow contract freeze` from the contracts of {service}. Do not edit it.
// It decides which numbers fields have on the wire, so it is committed and reviewed. A name that is
// `reserved` was removed; its number is never given again. A message that was removed is forgotten:
// if it comes back, its fields are numbered anew.

syntax = "proto3";

package {package};
"""
_LEVELS = {"safe": "NO_SIDE_EFFECTS", "idempotent": "IDEMPOTENT"}
_IMPORTS = {
    "google.protobuf.Duration": "google/protobuf/duration.proto",
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
}
_ANNOTATIONS = "google/api/annotations.proto"


def write_proto(application: str, models: Sequence[ContractModel], numbers: Numbers) -> str:
    """
    The text of the ``.proto`` of *models*, which are of one service and version.

    The same contracts and numbers always give the same text, and numbers that are read back from it
    give it again.

    Args:
        application: Its name begins the package.
        numbers: Those of the committed file; empty ones if there is none.

    Raises:
        InvalidContract: Names that protobuf cannot hold, all at once.
    """
    file = lay_out(application, models, numbers)
    writer = _Writer(file)
    head = _HEAD.format(service=models[0].service, package=file.package)
    imports = "".join(f'import "{name}";\n' for name in _imports(file))
    blocks = [writer.service(service) for service in file.services]
    blocks += [
        writer.message(part) if isinstance(part, ProtoMessage) else writer.enum(part)
        for part in file.parts
    ]
    texts = ["\n".join(line.rstrip() for line in block) + "\n" for block in blocks]
    return "\n".join([head, *([imports] if imports else []), *texts])


def _imports(file: ProtoFile) -> list[str]:
    used = {_IMPORTS[field.type] for field in _fields(file.messages) if field.type in _IMPORTS}
    methods = [made.method for service in file.services for made in service.methods]
    if any(method.http is not None for method in methods):
        used.add(_ANNOTATIONS)
    return sorted(used)


def _fields(messages: Iterable[ProtoMessage]) -> Iterator[ProtoField]:
    for message in messages:
        yield from message.fields
        yield from _fields(message.messages)


class _Writer:
    """Writes the parts of one file."""

    def __init__(self, file: ProtoFile) -> None:
        self._package = file.package
        # Looked up from the inside out, "google" might be one of our own names.
        words = {*file.package.split("."), *(part.name for part in file.parts)}
        self._google = ".google" if "google" in words else "google"

    def service(self, service: ProtoService) -> list[str]:
        lines = [*_comment(service.model.doc), f"service {service.name} {{"]
        methods = frozenset(made.name for made in service.methods)
        for n, method in enumerate(service.methods):
            lines += [""] if n else []
            lines += _indented(self._method(method, methods))
        return [*lines, "}"]

    def _method(self, made: ProtoMethod, around: frozenset[str]) -> list[str]:
        method = made.method
        request, reply = (self._named(m.name, around) for m in (made.request, made.reply))
        request = f"stream {request}" if method.stream else request
        reply = f"stream {reply}" if method.is_reply_stream else reply
        head = f"rpc {made.name}({request}) returns ({reply})"
        options = list(self._options(method, made.reply))
        doc = _comment("\n\n".join(filter(None, [method.doc, _facts(method)])))
        if not options:
            return [*doc, f"{head};"]
        return [*doc, f"{head} {{", *_indented(options), "}"]

    def _options(self, method: Method, reply: ProtoMessage) -> Iterator[str]:
        if method.repeat in _LEVELS:
            yield f"option idempotency_level = {_LEVELS[method.repeat]};"
        if method.http is None:
            return
        yield f"option ({self._google}.api.http) = {{"
        yield f'  {method.http.verb.lower()}: "{method.http.path}"'
        if method.http.verb in ("POST", "PUT", "PATCH"):
            yield f'  body: "{method.stream.name if method.stream else "*"}"'
        if reply.fields:
            yield '  response_body: "value"'
        yield "};"

    def message(self, message: ProtoMessage, outside: frozenset[str] = frozenset()) -> list[str]:
        """
        The lines of *message*.

        Args:
            outside: The names in the message that it lies in.
        """
        around = outside.union(name for name, _ in symbols_in(message))
        lines = [*_comment(message.doc), f"message {_last(message.name)} {{"]
        reserved = list(_reserved(message.gone))
        inside = [reserved] if reserved else []
        inside += [self.message(inner, around) for inner in message.messages]
        fields = [line for field in message.fields for line in self._field(message, field, around)]
        if message.role == "one_of":
            fields = [f"oneof {message.one_of} {{", *_indented(fields), "}"]
        if fields:
            inside.append(fields)
        if not inside:
            return [*lines[:-1], f"{lines[-1]}}}"]
        for n, block in enumerate(inside):
            lines += [""] if n else []
            lines += _indented(block)
        return [*lines, "}"]

    def _field(self, message: ProtoMessage, field: ProtoField, around: frozenset[str]) -> list[str]:
        name = self._type(message, field, around)
        if field.label == "map":
            name = f"map<{field.key}, {name}>"
        elif field.label and message.role != "one_of":
            name = f"{field.label} {name}"
        options = ""
        if field.json_name != json_name(field.name):
            options = f' [json_name = "{_quoted(field.json_name)}"]'
        return [*_comment(field.doc), f"{name} {field.name} = {field.number}{options};"]

    def _type(self, message: ProtoMessage, field: ProtoField, around: frozenset[str]) -> str:
        if field.type in MESSAGES:
            google = ".google" if "google" in around else self._google
            return field.type.replace("google", google, 1)
        if field.target is None:
            return field.type
        if field.target in message.messages:
            return _last(field.type)
        return self._named(field.type, around)

    def _named(self, name: str, around: frozenset[str]) -> str:
        """
        *name*, of this package, so that it means the same where it is written.

        Protobuf looks its first word up from the inside out. What is among *around* is something
        else there; a word in lower case might be one of the language.
        """
        first = name.partition(".")[0]
        if first[0].isupper() and first not in around:
            return name
        return f".{self._package}.{name}"

    def enum(self, enum: ProtoEnum) -> list[str]:
        lines = [*_comment(enum.doc), f"enum {enum.name} {{"]
        reserved = _indented(_reserved(enum.gone, enum.prefix))
        lines += [*reserved, ""] if reserved else []
        lines.append(f"  {enum.prefix}UNSPECIFIED = 0;")
        for name, number in enum.values.items():
            lines.append(f"  {enum.prefix}{name} = {number};")
        return [*lines, "}"]


def _facts(method: Method) -> str:
    """What a caller must know and no option says."""
    told = []
    if method.allow is not None:
        told.append(f"Needs the permission {method.allow}.")
    if method.problems:
        told.append(f"Problems: {', '.join(method.problems)}.")
    return " ".join(told)


def _reserved(gone: MessageNumbers, prefix: str = "") -> Iterator[str]:
    if gone.reserved:
        yield f"reserved {', '.join(_ranges(sorted(gone.reserved)))};"
    if gone.reserved_names:
        names = ", ".join(f'"{prefix}{name}"' for name in sorted(gone.reserved_names))
        yield f"reserved {names};"


def _ranges(numbers: list[int]) -> Iterator[str]:
    start = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number != last + 1:
            yield str(start) if start == last else f"{start} to {last}"
            start = number
        last = number


def _comment(text: str) -> list[str]:
    return [f"// {line}".rstrip() for line in text.splitlines()]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
