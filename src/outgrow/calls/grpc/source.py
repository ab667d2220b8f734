"""
The source of converters: what is written out for each shape, and compiled.

Written-out source runs several times as fast as a loop over fields. It contains only the checks
that protobuf itself does not make. It is kept in `linecache`, so that tracebacks show it.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec
from google.protobuf.message import Message

from outgrow.calls.doors import compiled
from outgrow.calls.grpc import values
from outgrow.contracts import (
    Check,
    Choice,
    Field,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    compile_check,
    fields_of,
)


class Source:
    """
    Writes and compiles the functions of one application's converters; those of a record once.

    All of them see each other, so that records may hold each other.
    """

    def __init__(self) -> None:
        known = ("absent", "moment", "real", "refuse", "stamp", "text", "truth")
        self._names: dict[str, Any] = {name: getattr(values, name) for name in known}
        self._suffixes: dict[object, str] = {}

    def writer(self, title: str, fields: list[Field]) -> Callable[..., None]:
        """A function ``(message, *values)`` that puts the values into the message's *fields*."""
        lines = [f"def write(message{''.join(f', a{n}' for n in range(len(fields)))}):"]
        for n, field in enumerate(fields):
            lines += self._write(field.shape, "message", field.name, f"a{n}")
        return cast("Callable[..., None]", self._compile(title, "write", [*lines, "    return"]))

    def reader(self, title: str, fields: list[Field]) -> Callable[[Message], list[Any]]:
        """A function that gives the values of the message's *fields*, their limits checked."""
        lines = ["def read(message):"]
        for n, field in enumerate(fields):
            default = self._constant(field, field.default)
            lines += self._read(field.shape, field.name, f"a{n}", default)
            check = compile_check(field.shape)
            if check is not None:
                lines.append(f"    {self._name(check, 'check', _named(field.name, check))}(a{n})")
        lines.append(f"    return [{', '.join(f'a{n}' for n in range(len(fields)))}]")
        return cast("Callable[[Message], list[Any]]", self._compile(title, "read", lines))

    def _compile(self, title: str, name: str, lines: list[str]) -> Any:
        source = "\n".join(lines) + "\n"
        filename = f"<outgrow {title}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        exec(compiled(source, filename), self._names)  # noqa: S102 - holds names only
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

    def _write(  # noqa: PLR0911 - one shape, one answer
        self, shape: Shape, target: str, name: str, source: str
    ) -> list[str]:
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
            case Scalar(kind="datetime") | RecordShape() | Choice():
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


def _named(name: str, check: Check) -> Check:
    """*check* with the name of what it checks in the place that it tells."""

    def check_named(value: Any) -> None:
        try:
            check(value)
        except LimitBroken as broken:
            broken.place = name + broken.place
            raise

    return check_named
