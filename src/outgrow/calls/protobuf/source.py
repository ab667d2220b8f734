"""
The source of converters: what is written out for each message, and compiled.

Written-out source runs several times as fast as a loop over fields. It is kept in `linecache`, so
that tracebacks show it. What decodes stands here; `encoding` writes the other direction.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from struct import Struct
from typing import Any

import msgspec
from google.protobuf.message import Message

from outgrow.calls.doors import compiled
from outgrow.calls.protobuf import values
from outgrow.contracts import (
    Check,
    Choice,
    Field,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    OneValueOf,
    ProtoEnum,
    ProtoField,
    ProtoMessage,
    Scalar,
    Shape,
    compile_check,
    fields_of,
    is_pydantic,
)

_KNOWN = (
    *("absent", "blob", "clock", "day", "day_text", "decimal", "decimal_text", "distinct"),
    *("double", "duration", "long", "moment", "number", "refuse", "span", "stamp", "time_text"),
    *("too_deep", "uuid", "uuid_text"),
)
# Of a double there are two: zero may be below zero.
_EMPTY = {"bool": "False", "bytes": "b''", "int64": "0", "string": "''"}
_READ = {
    "datetime": "moment",
    "timedelta": "duration",
    "date": "day",
    "time": "clock",
    "decimal": "decimal",
    "uuid": "uuid",
}


class Source:
    """
    Compiles the functions of one application's converters.

    All of them see each other, so that records may hold each other.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {name: getattr(values, name) for name in _KNOWN}
        self._names |= {"text": str.encode, "pack_double": Struct("<d").pack}
        self._names["UNSET"] = msgspec.UNSET
        self._suffixes: dict[object, str] = {}
        self._begun: set[str] = set()

    def compile(self, title: str, name: str, lines: list[str]) -> Any:
        """The function *name* that *lines* define; *title* stands in tracebacks."""
        source = "\n".join(lines) + "\n"
        filename = f"<outgrow {title}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        exec(compiled(source, filename), self._names)  # noqa: S102 - holds names only
        return self._names[name]

    def begin(self, name: str) -> bool:
        """Whether *name* is written for the first time; a message may hold itself."""
        is_new = name not in self._begun
        self._begun.add(name)
        return is_new

    def name(self, thing: object, role: str, value: object) -> str:
        """A name under which the written source finds *value*, one for each *thing* and *role*."""
        suffix = self._suffixes.setdefault(thing, str(len(self._suffixes)))
        self._names.setdefault(f"{role}_{suffix}", value)
        return f"{role}_{suffix}"

    def constant(self, value: object) -> str:
        """A name under which the written source finds *value*."""
        name = f"constant_{len(self._names)}"
        self._names[name] = value
        return name


class Decoding:
    """Writes the source of what reads messages, each of them once."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def reader(
        self, title: str, message: ProtoMessage, fields: list[Field]
    ) -> Callable[[Message], list[Any]]:
        """A function that gives the values of the message's *fields*, their limits checked."""
        lines = ["def read(message):"]
        laid_out = {field.name: field for field in message.fields}
        for n, field in enumerate(fields):
            made = laid_out.get(field.name)
            if made is None:
                lines.append(f"    a{n} = None")
                continue
            lines += self._field(made, f"a{n}", self._default(field))
            check = compile_check(field.shape)
            if check is not None:
                lines.append(f"    {self._source.constant(_named(field.name, check))}(a{n})")
        lines.append(f"    return [{', '.join(f'a{n}' for n in range(len(fields)))}]")
        return self._source.compile(title, "read", lines)  # type: ignore[no-any-return]

    def _default(self, field: Field) -> str:
        """Source of what stands for an absent value: its default, or the refusal."""
        if field.is_required:
            return f"absent({field.name!r})"
        if field.factory is not None:  # made anew each time: it may be mutable
            return f"{self._source.constant(field.factory)}()"
        return self._source.constant(field.default)

    def _reader(self, message: ProtoMessage) -> str:
        """The name of the function that reads a *message* inside of another one."""
        name = self._source.name(message, "read", None)
        if self._source.begin(name):
            lines = [f"def {name}(message):", *self._body(message)]
            self._source.compile(f"{message.name} in", name, lines)
        return name

    def _body(self, message: ProtoMessage) -> list[str]:
        match message.role:
            case "one_of":
                lines = [f"    which = message.WhichOneof({message.one_of!r})"]
                for field in message.fields:
                    inner = f"{self._reader(field.target)}(getattr(message, which))"  # type: ignore[arg-type]
                    lines.append(f"    if which == {field.name!r}: return {inner}")
                return [*lines, "    absent('one_of')"]
            case "record":
                return self._record(message)
            case "tuple":
                lines = self._parts(message)
                return [*lines, f"    return ({''.join(f'v{n}, ' for n in _count(message))})"]
        return [*self._parts(message), "    return v0"]

    def _parts(self, message: ProtoMessage) -> list[str]:
        lines: list[str] = []
        for n, field in enumerate(message.fields):
            lines += self._field(field, f"v{n}", f"absent({field.name!r})")
        return lines

    def _record(self, message: ProtoMessage) -> list[str]:
        shape: Any = message.shape
        cls = self._source.name(message, "cls", shape.cls)
        fields = dict(zip(message.fields, fields_of(shape.record), strict=True))
        if is_pydantic(shape.cls):
            return self._model(fields, cls)
        lines: list[str] = []
        for n, (made, field) in enumerate(fields.items()):
            lines += self._field(made, f"v{n}", self._default(field))
        arguments = ", ".join(f"{field.name}=v{n}" for n, field in enumerate(fields))
        return [*lines, f"    return {cls}({arguments})"]

    def _model(self, fields: dict[ProtoField, Field], cls: str) -> list[str]:
        """A Pydantic model is told what is there; what is absent it knows itself."""
        lines: list[str] = []
        for n, (made, field) in enumerate(fields.items()):
            absent = self._default(field) if field.is_required else "UNSET"
            lines += self._field(made, f"v{n}", absent)
        values = ", ".join(f"{field.name!r}: v{n}" for n, field in enumerate(fields))
        lines.append(f"    values = {{{values}}}")
        for n, (made, field) in enumerate(fields.items()):
            if not field.is_required and made.label not in ("repeated", "map"):
                lines.append(f"    if v{n} is UNSET: del values[{field.name!r}]")
        return [*lines, f"    return {cls}.model_validate(values, by_name=True, by_alias=False)"]

    def _field(self, field: ProtoField, target: str, absent: str) -> list[str]:
        """Lines that read *field* of ``message`` into the variable *target*."""
        found, shape = f"message.{field.name}", field.shape
        if isinstance(shape, Maybe):
            shape, absent = shape.item, "None"
        if field.label == "repeated" and isinstance(shape, ListOf):
            return [f"    {target} = {self._list(field, shape, found)}"]
        if field.label == "map" and isinstance(shape, MapOf):
            key, value = self._key(shape), self._single(field, shape.value, "e.value")
            return [f"    {target} = {{{key}: {value} for e in {found}}}"]
        return [f"    {target} = {self._one(field, shape, 'message', absent)}"]

    def _one(self, field: ProtoField, shape: Shape, source: str, absent: str) -> str:
        """An expression for a single value of the message *source*, or what stands for it."""
        found, given = f"{source}.{field.name}", f"{source}.HasField({field.name!r})"
        value = self._single(field, shape, found)
        if value != found:
            return f"{value} if {given} else {absent}"
        # What is not empty was given; only an empty value needs the second look.
        empty = _EMPTY.get(field.type, found)
        return f"{found} or ({empty} if {given} else {absent})"

    def _list(self, field: ProtoField, shape: ListOf, found: str) -> str:
        item = self._flat(field) or self._single(field, shape.item, "x")
        if shape.kind in ("set", "frozenset"):
            items = found if item == "x" else f"[{item} for x in {found}]"
            return f"distinct({shape.kind}, {items})"
        items = f"list({found})" if item == "x" else f"[{item} for x in {found}]"
        if shape.kind == "tuple":
            return f"tuple({found if item == 'x' else items})"
        return items

    def _flat(self, field: ProtoField) -> str | None:
        """A record of single values as one expression, which saves a call for each item."""
        message = field.target
        if not isinstance(message, ProtoMessage) or message.role != "record":
            return None
        shape: Any = message.shape
        if is_pydantic(shape.cls) or any(
            made.label in ("repeated", "map") or isinstance(made.target, ProtoMessage)
            for made in message.fields
        ):
            return None
        values = []
        for made, own in zip(message.fields, fields_of(shape.record), strict=True):
            is_optional = isinstance(made.shape, Maybe)
            inner = made.shape.item if isinstance(made.shape, Maybe) else made.shape
            absent = "None" if is_optional else self._default(own)
            values.append(f"{made.name}={self._one(made, inner, 'x', absent)}")
        return f"{self._source.name(message, 'cls', shape.cls)}({', '.join(values)})"

    def _key(self, shape: MapOf) -> str:
        if isinstance(shape.key, Choice):
            members = {member.value: member for member in shape.key.enum}
            return f"{self._source.constant(members)}[e.key]"
        if isinstance(shape.key, OneValueOf):
            return f"{self._source.constant({word: word for word in shape.key.values})}[e.key]"
        read = _READ.get(shape.key.kind)
        return f"{read}(e.key)" if read else "e.key"

    def _single(self, field: ProtoField, shape: Shape, source: str) -> str:
        """An expression that is the typed value of *source*, which is there."""
        if isinstance(field.target, ProtoMessage):
            return f"{self._reader(field.target)}({source})"
        match shape:
            case Scalar(kind=kind):
                return f"{_READ[kind]}({source})" if kind in _READ else source
            case Choice(enum=enum) if isinstance(field.target, ProtoEnum):
                numbers = field.target.values
                members = {numbers[member.name]: member for member in enum}
                return f"{self._source.name(field.target, 'members', members)}[{source}]"
            case OneValueOf(values=words):
                return f"{self._source.constant({word: word for word in words})}[{source}]"
        raise TypeError(shape)


def _count(message: ProtoMessage) -> range:
    return range(len(message.fields))


def _named(name: str, check: Check) -> Check:
    """*check* with the name of what it checks in the place that it tells."""

    def check_named(value: Any) -> None:
        try:
            check(value)
        except LimitBroken as broken:
            broken.place = name + broken.place
            raise

    return check_named
