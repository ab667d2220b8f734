"""
Whether a reader understands what a writer writes: the relation between two types.

Types are held beside each other as protobuf messages carry them, and as JSON does. Both are strict:
a reader refuses a value of another kind, a value out of its limits and an enumeration's value that
it does not know. Neither minds what it does not know of a record; only the HTTP edge does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import UNSET

from outgrow.contracts.comparing.edits import Reason
from outgrow.contracts.comparing.limits import breaks_limits, broken_limits
from outgrow.contracts.comparing.words import limits_in_words, spelled
from outgrow.contracts.descriptions import (
    EnumDescription,
    EnumType,
    FieldDescription,
    ListType,
    LiteralType,
    MapType,
    NothingType,
    OptionalType,
    RecordDescription,
    RecordType,
    ScalarType,
    TupleType,
    Type,
    UnionType,
)

Medium = Literal["wire", "json"]

_WIDER: dict[Medium, set[tuple[str, str]]] = {
    "wire": {("uuid", "str"), ("decimal", "str"), ("date", "str"), ("time", "str")},
    "json": {
        ("uuid", "str"),
        ("decimal", "str"),
        ("date", "str"),
        ("time", "str"),
        ("datetime", "str"),
        ("timedelta", "str"),
    },
}
"""Kinds of scalars that are written the same, so that the second reads all of the first."""


_EXACT = 2**53
"""Up to here a float holds every integer, and so far below zero."""


class Book(Protocol):
    """Where the records and enumerations of a description are looked up."""

    @property
    def records(self) -> Mapping[str, RecordDescription]:
        """The records by name."""

    @property
    def enums(self) -> Mapping[str, EnumDescription]:
        """The enumerations by name."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A type as it is written and as it is read, and how deep it stands in its field."""

    writer: Type
    reader: Type
    is_item: bool = False


class Fit:
    """
    Holds the types of a writer beside those of a reader.

    Records and enumerations of equal names are taken to fit: they are held beside each other
    themselves. With *is_deep* they are looked into.
    """

    def __init__(
        self, writer: Book, reader: Book, medium: Medium, *, is_deep: bool = False
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._medium = medium
        self._is_deep = is_deep
        self._seen: set[tuple[str, str]] = set()

    def reasons(self, writer: Type, reader: Type) -> tuple[Reason, ...]:
        """Why what is written as *writer* cannot be read as *reader*; nothing if it can."""
        return tuple(self._pair(Pair(writer, reader)))

    def fields(
        self, writer: list[FieldDescription], reader: list[FieldDescription]
    ) -> Iterator[Reason]:
        """Why a message of the fields *writer* cannot be read as one of the fields *reader*."""
        written = {self._key(field): field for field in writer}
        numbers = {field.name: field.number for field in writer}
        for field in reader:
            other = written.get(self._key(field))
            if self._medium == "wire" and (moved := _moved(field, other, numbers)):
                yield moved
            elif other is None:
                yield from missing(field, self._medium)
            else:
                for reason in self._pair(Pair(other.type, field.type)):
                    text = f"{field.name}: {reason.text}"
                    yield Reason(text, reason.kind, reason.is_certain)

    def _key(self, field: FieldDescription) -> int | str:
        return field.number if self._medium == "wire" and field.number else field.json_name

    def _pair(self, pair: Pair) -> Iterator[Reason]:
        match pair:
            case Pair(_, NothingType()):
                return  # what is not expected is not looked at
            case Pair(OptionalType() | _, OptionalType()) | Pair(OptionalType(), _):
                yield from self._optional(pair)
            case Pair(RecordType(name=writer), RecordType(name=reader)):
                yield from self._record(writer, reader)
            case Pair(EnumType(name=writer), EnumType(name=reader)):
                if self._is_deep or writer != reader:
                    enums = self._writer.enums[writer], self._reader.enums[reader]
                    yield from enum_reasons(*enums, self._medium)
            case Pair(UnionType() as one, UnionType() as other):
                yield from self._union(one, other)
            case Pair(ListType() | TupleType() | MapType(), _):
                yield from self._collection(pair)
            case _:
                yield from self._single(pair)

    def _optional(self, pair: Pair) -> Iterator[Reason]:
        writer, reader = pair.writer, pair.reader
        inner = [one.item if isinstance(one, OptionalType) else one for one in (writer, reader)]
        is_respelled = isinstance(writer, OptionalType) != isinstance(reader, OptionalType)
        if is_respelled and self._medium == "wire" and _is_wrapped(pair, inner):
            yield _other(writer, reader)  # None and empty are told apart by a message around it
            return
        if is_respelled and isinstance(writer, OptionalType):
            text = "{reader} refuse None, which {writer} may write"
            yield Reason(text, "none", is_certain=False)
        yield from self._pair(Pair(inner[0], inner[1], pair.is_item))

    def _record(self, writer: str, reader: str) -> Iterator[Reason]:
        is_known = (writer, reader) in self._seen
        if is_known or (writer == reader and not self._is_deep):
            return
        self._seen.add((writer, reader))
        fields = self._writer.records[writer].fields, self._reader.records[reader].fields
        for reason in self.fields(*fields):
            yield Reason(f"{reader}.{reason.text}", reason.kind, reason.is_certain)

    def _union(self, writer: UnionType, reader: UnionType) -> Iterator[Reason]:
        if self._medium == "json" and writer.tag_field != reader.tag_field:
            yield Reason(
                f"{{reader}} look for the tag in {reader.tag_field!r}, and {{writer}} write it to "
                f"{writer.tag_field!r}",
                "union",
            )
            return
        by_number = {number: tag for tag, number in reader.numbers.items()}
        for tag, name in writer.members.items():
            other = by_number.get(writer.numbers[tag]) if self._medium == "wire" else tag
            if other is not None and other != tag:
                text = f"{{reader}} know the number of {name} as {reader.members[other]}"
                yield Reason(f"{text} (tags {tag!r} and {other!r})", "union")
            elif other not in reader.members:
                text = f"{{reader}} refuse {name}, which {{writer}} may write (tag {tag!r})"
                yield Reason(text, "union", is_certain=False)
            else:
                yield from self._record(name, reader.members[other])

    def _collection(self, pair: Pair) -> Iterator[Reason]:
        match pair.writer, pair.reader:
            case ListType() as writer, ListType() as reader:
                yield from _doubles(writer.collection, reader.collection)
                yield from _limits("list", writer.limits, reader.limits)
                yield from self._pair(Pair(writer.item, reader.item, is_item=True))
            case TupleType(items=writer), TupleType(items=reader) if len(writer) == len(reader):
                for items in zip(writer, reader, strict=True):
                    yield from self._pair(Pair(*items))
            case TupleType(items=items), ListType() as reader if self._is_array(reader):
                yield from _doubles("list", reader.collection)
                for one in items:
                    yield from self._pair(Pair(one, reader.item, is_item=True))
            case MapType() as writer, MapType() as reader:
                yield from _limits("dict", writer.limits, reader.limits)
                yield from self._key_pair(Pair(writer.key, reader.key, is_item=True))
                yield from self._pair(Pair(writer.value, reader.value, is_item=True))
            case _:
                yield _other(pair.writer, pair.reader)

    def _is_array(self, reader: ListType) -> bool:
        """Whether a list without limits is written as a tuple is."""
        return self._medium == "json" and not reader.limits

    def _key_pair(self, pair: Pair) -> Iterator[Reason]:
        if self._medium == "wire":
            # Keys of protobuf's maps are no enumerations: they are carried by value, as in JSON.
            by_value = Fit(self._writer, self._reader, "json", is_deep=self._is_deep)
            yield from by_value.reasons(pair.writer, pair.reader)
        elif pair.reader != ScalarType(kind="str"):  # whatever it is, in JSON a key is text
            yield from self._pair(pair)

    def _single(self, pair: Pair) -> Iterator[Reason]:
        match pair.writer, pair.reader:
            case ScalarType() as writer, ScalarType() as reader if writer.kind == reader.kind:
                yield from _limits(writer.kind, writer.limits, reader.limits)
            case LiteralType() | EnumType(), LiteralType() | EnumType() if (
                self._kind(pair.writer) == self._kind(pair.reader, self._reader) != ""
            ):
                known = _values(pair.reader, self._reader)
                for value in _values(pair.writer, self._writer):
                    if value not in known:
                        text = f"{{reader}} refuse {value!r}, which {{writer}} may write"
                        yield Reason(text, "literal", is_certain=False)
            case LiteralType() | EnumType(), ScalarType(kind=kind, limits=limits) if (
                self._kind(pair.writer) == kind
            ):
                if any(
                    breaks_limits(kind, limits, one) for one in _values(pair.writer, self._writer)
                ):
                    yield _out_of(limits)
            case writer, ScalarType() as reader:
                yield from self._scalar(writer, reader)
            case _:
                yield _other(pair.writer, pair.reader)

    def _scalar(self, writer: Type, reader: ScalarType) -> Iterator[Reason]:
        kinds = self._kind(writer), reader.kind
        if kinds == ("int", "float") and self._medium == "json" and not reader.limits:
            if not _is_exact(writer, self._writer):
                text = "{reader} round an int of {writer} beyond 2**53: they take it for another"
                yield Reason(text)
        elif reader.limits or kinds not in _WIDER[self._medium]:
            yield _other(writer, reader)

    def _kind(self, one: Type, book: Book | None = None) -> str:
        """The kind of scalar that a single value is written as."""
        match one:
            case ScalarType(kind=kind):
                return kind
            case EnumType() if self._medium == "wire":
                return ""  # its numbers are no values of anything else
            case LiteralType() | EnumType():
                return type(_values(one, book or self._writer)[0]).__name__
        return ""


def _values(one: Type, book: Book) -> list[str | int]:
    """All that a literal or an enumeration may write."""
    match one:
        case LiteralType(values=values):
            return values
        case EnumType(name=name):
            return list(book.enums[name].values.values())
    return []


def _is_exact(integers: Type, book: Book) -> bool:
    """Whether a float holds each of *integers* as it is."""
    if not isinstance(integers, ScalarType):
        return all(abs(int(value)) <= _EXACT for value in _values(integers, book))
    return not broken_limits("int", integers.limits, {"ge": -_EXACT, "le": _EXACT})


def _moved(
    field: FieldDescription, other: FieldDescription | None, numbers: Mapping[str, int]
) -> Reason | None:
    """Why *field* of a reader is not what its writer has at its number; *numbers* are its own."""
    number = numbers.get(field.name, field.number)
    if number and field.number and number != field.number:
        text = f"{{reader}} know {field.name!r} by number {field.number}, {{writer}} by {number}"
        return Reason(text, "field")
    return another_name(other, field) if other and other.name != field.name else None


def another_name(writer: FieldDescription, reader: FieldDescription) -> Reason:
    """That two fields have one number: nobody can know whether they mean the same."""
    text = f"{{writer}} write {writer.name!r} under number {writer.number}, by which {{reader}}"
    return Reason(f"{text} know {reader.name!r}", "field")


def missing(field: FieldDescription, medium: Medium) -> tuple[Reason, ...]:
    """What comes of it if a reader looks for *field* and its writer does not write it."""
    if medium == "wire" and isinstance(field.type, ListType | MapType | OptionalType):
        return tuple(_taken_for_empty(field))
    if not field.is_required:
        return ()
    return (Reason(f"{{reader}} refuse what comes without {field.name!r}", "field"),)


def _taken_for_empty(field: FieldDescription) -> Iterator[Reason]:
    """What comes of it that a message does not tell an empty list or None from nothing."""
    is_optional = isinstance(field.type, OptionalType)
    limits = field.type.limits if isinstance(field.type, ListType | MapType) else {}
    has_default = field.default not in ((UNSET, None) if is_optional else (UNSET, [], {}))
    text = f"{{reader}} take {field.name!r} for {'None' if is_optional else 'empty'} where "
    text += "{writer} do not know it"
    if limits.get("min_length", 0) > 0:
        yield Reason(
            f"{text}, and refuse what is not {limits_in_words(limits).strip(' ()')}", "empty"
        )
    elif field.is_made or has_default:
        yield Reason(f"{text}, and not for its default", "empty")


def enum_reasons(
    writer: EnumDescription,
    reader: EnumDescription,
    medium: Medium,
    names: Collection[str] | None = None,
) -> Iterator[Reason]:
    """Why a reader does not understand the members *names* of an enumeration; all if not given."""
    for name, value in writer.values.items():
        if names is not None and name not in names:
            continue
        if medium == "wire":
            read = {number: other for other, number in reader.numbers.items()}
            other = read.get(writer.numbers.get(name, 0))
        else:
            other = next((n for n, v in reader.values.items() if v == value), None)
        if other is None:
            text = f"{{reader}} refuse {name}, which {{writer}} may write"
            yield Reason(text, "literal", is_certain=False)
        elif other != name and (other in writer.values or reader.values[other] != value):
            text = f"{{reader}} take {name} of {{writer}} for {other}"
            yield Reason(text, "literal")


def _is_wrapped(pair: Pair, inner: list[Type]) -> bool:
    """Whether an optional is a message around its value: a field's presence says too little."""
    return pair.is_item or any(isinstance(one, ListType | MapType) for one in inner)


def _doubles(writer: str, reader: str) -> Iterator[Reason]:
    if "set" in reader and "set" not in writer:
        yield Reason("{reader} refuse a double, which {writer} may write", is_certain=False)


def _limits(
    kind: str, writer: Mapping[str, object], reader: Mapping[str, object]
) -> Iterator[Reason]:
    broken = broken_limits(kind, writer, reader)
    if broken:
        yield _out_of({name: reader[name] for name in broken})


def _out_of(limits: Mapping[str, object]) -> Reason:
    said = limits_in_words(limits).strip(" ()")
    text = f"{{reader}} refuse what is not {said}, which {{writer}} may write"
    return Reason(text, "limit", is_certain=False)


def _other(writer: Type, reader: Type) -> Reason:
    return Reason(f"{{writer}} write {spelled(writer)} where {{reader}} expect {spelled(reader)}")
