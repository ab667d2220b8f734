"""
Converters between typed objects and protobuf bytes, written out as source for each method.

Written-out source runs several times as fast as a loop over fields. It contains only the checks
that protobuf itself does not make; when one of them or protobuf refuses, `refusals` looks for all
that is wrong and says where. The source is kept in `linecache`, so tracebacks show it.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import msgspec
from google.protobuf.message import DecodeError, Message

from outgrow.calls.grpc.messages import Messages
from outgrow.calls.grpc.refusals import find_in_message, find_in_value
from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Method,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    compile_check,
    fields_of,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSALS = (
    ArithmeticError,
    AttributeError,
    DecodeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Unfit(Exception):
    """
    A value does not fit its message, or the other way round.

    Attributes:
        findings: ``(place, message)`` for each part that does not fit.
    """

    def __init__(self, findings: list[tuple[str, str]]) -> None:
        self.findings = findings
        super().__init__(
            "; ".join(f"{place}: {text}" if place else text for place, text in findings)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """
    One method's way to the wire and back. All four raise `Unfit`, and nothing else.

    Attributes:
        encode_request: ``(*arguments) -> bytes``, in the order of the signature.
        decode_request: ``(body) -> list of arguments``; checks the limits of the parameters.
        encode_reply: ``(reply) -> bytes``.
        decode_reply: ``(body) -> reply``.
    """

    encode_request: Callable[..., bytes]
    decode_request: Callable[[bytes], list[Any]]
    encode_reply: Callable[[Any], bytes]
    decode_reply: Callable[[bytes], Any]


class Converters:
    """Makes the converters of one application's methods; those of a record are made once."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self._names: dict[str, Any] = {
            "text": _text,
            "truth": _truth,
            "real": _real,
            "refuse": _refuse,
            "stamp": _stamp,
            "moment": _moment,
            "absent": _absent,
        }
        self._suffixes: dict[object, str] = {}
        self._known: dict[Method, Conversion] = {}

    def of(self, method: Method) -> Conversion:
        """The conversion of *method*; its source is written at the first request for it."""
        if method not in self._known:
            self._known[method] = self._convert(method)
        return self._known[method]

    def _convert(self, method: Method) -> Conversion:
        arguments = [parameter.field for parameter in method.parameters]
        reply = [Field("value", method.reply)]
        request_class, reply_class = self.messages.request(method), self.messages.reply(method)
        decode_reply = _guarded_decode(self._reader(method, "reply", reply), reply_class, reply)
        return Conversion(
            encode_request=_guarded_encode(
                self._writer(method, "request", arguments), request_class, arguments
            ),
            decode_request=_guarded_decode(
                self._reader(method, "request", arguments), request_class, arguments
            ),
            encode_reply=_guarded_encode(self._writer(method, "reply", reply), reply_class, reply),
            decode_reply=lambda body: decode_reply(body)[0],
        )

    def _writer(self, method: Method, role: str, fields: list[Field]) -> Callable[..., None]:
        lines = [f"def write(message{''.join(f', a{n}' for n in range(len(fields)))}):"]
        for n, field in enumerate(fields):
            lines += self._write(field.shape, "message", field.name, f"a{n}")
        return self._compile(f"{method.full_name} {role} out", "write", [*lines, "    return"])

    def _reader(
        self, method: Method, role: str, fields: list[Field]
    ) -> Callable[[Message], list[Any]]:
        lines = ["def read(message):"]
        for n, field in enumerate(fields):
            default = self._constant(field, field.default)
            lines += self._read(field.shape, field.name, f"a{n}", default)
            check = compile_check(field.shape) if role == "request" else None
            if check is not None:
                name = self._name(check, "check", check)
                lines.append(f"    {name}(a{n})")
        lines.append(f"    return [{', '.join(f'a{n}' for n in range(len(fields)))}]")
        return self._compile(f"{method.full_name} {role} in", "read", lines)

    def _compile(self, title: str, name: str, lines: list[str]) -> Any:
        source = "\n".join(lines) + "\n"
        filename = f"<outgrow {title}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        exec(compile(source, filename, "exec"), self._names)  # noqa: S102 - holds names only
        return self._names[name]

    def _name(self, thing: object, role: str, value: object) -> str:
        """A name under which the written source finds *value*, one for each *thing* and *role*."""
        suffix = self._suffixes.setdefault(thing, str(len(self._suffixes)))
        self._names.setdefault(f"{role}_{suffix}", value)
        return f"{role}_{suffix}"

    def _constant(self, field: Field, default: object) -> str:
        """Source of what stands for an absent value: its default, or the refusal."""
        if default is msgspec.NODEFAULT:
            return f"absent({field.name!r})"
        name = f"default_{len(self._names)}"
        self._names[name] = default
        return name

    # Out: typed objects to messages.

    def _write(self, shape: Shape, target: str, name: str, source: str) -> list[str]:
        """Lines that put *source* into field *name* of the message *target*."""
        match shape:
            case Maybe(item=ListOf() | MapOf() as item):
                inner = [
                    f"wrapper = {target}.{name}",
                    "wrapper.SetInParent()",
                    *_dedent(self._write(item, "wrapper", "items", source)),
                ]
                return [f"    if {source} is not None:", *(f"        {line}" for line in inner)]
            case Maybe(item=item):
                inner = _dedent(self._write(item, target, name, source))
                return [f"    if {source} is not None:", *(f"        {line}" for line in inner)]
            case ListOf(item=item):
                return self._write_list(item, f"{target}.{name}", source)
            case MapOf(value=value):
                return [
                    f"    if type({source}) is not dict: refuse()",
                    f"    add = {target}.{name}.add",
                    f"    for key, item in {source}.items():",
                    "        entry = add()",
                    "        entry.key = key if type(key) is str else text(key)",
                    *(f"    {line}" for line in self._write(value, "entry", "value", "item")),
                ]
            case Nothing():
                return [f"    if {source} is not None: refuse()"]
            case Scalar(kind="datetime"):
                return [f"    stamp({target}.{name}, {source})"]
            case RecordShape(record=record):
                return [f"    {self._record_writer(record)}({target}.{name}, {source})"]
        return [f"    {target}.{name} = {self._out(shape, source)}"]

    def _write_list(self, item: Shape, target: str, source: str) -> list[str]:
        lines = [f"    if type({source}) is not list: refuse()"]
        match item:
            case Scalar(kind="int" | "bytes"):
                return [*lines, f"    {target}.extend({source})"]
            case Scalar(kind="datetime"):
                write = "stamp"
            case RecordShape(record=record):
                write = self._record_writer(record)
            case _:
                return [*lines, f"    {target}.extend([{self._out(item, 'x')} for x in {source}])"]
        return [*lines, f"    add = {target}.add", f"    for x in {source}: {write}(add(), x)"]

    def _out(self, shape: Shape, source: str) -> str:
        """An expression that is *source* as protobuf holds it, for single values."""
        match shape:
            case Scalar(kind="str"):
                return f"{source} if type({source}) is str else text({source})"
            case Scalar(kind="bool"):
                return f"{source} if type({source}) is bool else truth({source})"
            case Scalar(kind="float"):
                return f"{source} if type({source}) is float else real({source})"
            case Choice(enum=enum):
                numbers = {member: n for n, member in enumerate(enum, start=1)}
                table, cls = self._name(enum, "numbers", numbers), self._name(enum, "enum", enum)
                return f"{table}[{source}] if type({source}) is {cls} else refuse()"
        return source

    def _record_writer(self, record: type) -> str:
        if record in self._suffixes:
            return self._name(record, "write", None)
        cls = self._name(record, "record", record)
        name = self._name(record, "write", None)
        lines = [
            f"def {name}(message, value):",
            f"    if type(value) is not {cls}: refuse()",
            "    message.SetInParent()",
        ]
        for field in fields_of(record):
            lines.append(f"    v = value.{field.name}")
            lines += self._write(field.shape, "message", field.name, "v")
        self._compile(f"record {record.__qualname__} out", name, lines)
        self._compile_record_reader(record, cls)
        return name

    # In: messages to typed objects.

    def _read(self, shape: Shape, name: str, target: str, absent: str) -> list[str]:
        """Lines that read field *name* of ``message`` into the variable *target*."""
        found, given = f"message.{name}", f"message.HasField({name!r})"
        match shape:
            case Nothing():
                return [f"    {target} = None"]
            case Maybe(item=ListOf() | MapOf() as item):
                inner = self._in_many(item, f"{found}.items")
                return [f"    {target} = {inner} if {given} else None"]
            case Maybe(item=item):
                return self._read(item, name, target, "None")
            case ListOf() | MapOf():
                return [f"    {target} = {self._in_many(shape, found)}"]
            case Scalar(kind="datetime") | RecordShape():
                return [f"    {target} = {self._in(shape, found)} if {given} else {absent}"]
            case Choice():
                return [f"    {target} = {self._in(shape, found)} if {given} else {absent}"]
        # What is not empty was given; only an empty value needs the second look.
        return [
            f"    {target} = {found}",
            f"    if not {target} and not {given}: {target} = {absent}",
        ]

    def _in_many(self, shape: Shape, source: str) -> str:
        if isinstance(shape, MapOf):
            return f"{{e.key: {self._in(shape.value, 'e.value')} for e in {source}}}"
        item = self._in(shape.item, "x") if isinstance(shape, ListOf) else "x"
        return f"list({source})" if item == "x" else f"[{item} for x in {source}]"

    def _in(self, shape: Shape, source: str) -> str:
        """An expression that is the typed value of *source*, which is there."""
        match shape:
            case Scalar(kind="datetime"):
                return f"moment({source})"
            case Choice(enum=enum):
                members = dict(enumerate(enum, start=1))
                return f"{self._name(enum, 'members', members)}[{source}]"
            case RecordShape(record=record):
                self._record_writer(record)
                return f"{self._name(record, 'read', None)}({source})"
        return source

    def _compile_record_reader(self, record: type, cls: str) -> None:
        name = self._name(record, "read", None)
        lines = [f"def {name}(message):"]
        fields = fields_of(record)
        for n, field in enumerate(fields):
            lines += self._read(
                field.shape, field.name, f"v{n}", self._record_default(record, field)
            )
        arguments = ", ".join(f"{field.name}=v{n}" for n, field in enumerate(fields))
        lines.append(f"    return {cls}({arguments})")
        self._compile(f"record {record.__qualname__} in", name, lines)

    def _record_default(self, record: type, field: Field) -> str:
        # A default that a factory makes is made anew each time: it may be mutable.
        for own in msgspec.structs.fields(record):
            if own.name == field.name and own.default_factory is not msgspec.NODEFAULT:
                return f"{self._constant(field, own.default_factory)}()"
        return self._constant(field, field.default)


def _dedent(lines: Iterable[str]) -> list[str]:
    return [line.removeprefix("    ") for line in lines]


def _guarded_encode(
    write: Callable[..., None], message_class: type[Message], fields: list[Field]
) -> Callable[..., bytes]:
    def encode(*values: Any) -> bytes:
        message = message_class()
        try:
            write(message, *values)
            return message.SerializeToString()
        except _REFUSALS as error:
            findings = []
            for field, value in zip(fields, values, strict=False):
                findings += find_in_value(field.shape, value, field.name)
            raise Unfit(findings or [("", str(error))]) from error

    return encode


def _guarded_decode(
    read: Callable[[Message], list[Any]], message_class: type[Message], fields: list[Field]
) -> Callable[[bytes], list[Any]]:
    def decode(body: bytes) -> list[Any]:
        message = message_class()
        try:
            message.MergeFromString(body)
            return read(message)
        except DecodeError as error:
            raise Unfit([("", f"{len(body)} bytes are no {message.DESCRIPTOR.name}")]) from error
        except _REFUSALS as error:
            raise Unfit(find_in_message(fields, message) or [("", str(error))]) from error

    return decode


def _refuse() -> NoReturn:
    raise TypeError


def _absent(name: str) -> NoReturn:
    raise LookupError(name)


def _text(value: object) -> str:
    """*value*, of which protobuf would also take bytes."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError


def _truth(value: object) -> NoReturn:
    """Refuse *value*, which protobuf would take if it were a number."""
    raise TypeError


def _real(value: object) -> float:
    """*value*, which may be an int if nothing of it is lost."""
    if isinstance(value, float):
        return value
    if type(value) is int and float(value) == value:
        return float(value)
    raise TypeError


def _stamp(message: Any, value: Any) -> None:
    """Write an aware datetime into a ``Timestamp``."""
    if value.utcoffset() is None:
        raise TypeError
    since = value - _EPOCH
    message.SetInParent()
    message.seconds = since.days * 86400 + since.seconds
    message.nanos = since.microseconds * 1000


def _moment(message: Any) -> datetime:
    """The datetime of a ``Timestamp``; what is finer than a microsecond is cut off."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
