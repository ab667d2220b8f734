"""
All that is wrong with a value, each finding with its place.

This is the slow path: it runs only after the compiled decoding has refused a request.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from outgrow.contracts import (
    Check,
    Choice,
    Field,
    Limit,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    Misfit,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    compile_check,
    fields_of,
    strict_decoder,
)
from outgrow.gateway.binding.texts import EXPECTED, convert_scalar, problem_of, text_reader
from outgrow.gateway.binding.unknown_fields import field_names
from outgrow.gateway.schemas import tag_of_struct

Findings = Iterator[tuple[str, str]]

OWN_RULES_BYTES_MAX = 256 * 1024
"""
How much JSON is made into records again to ask for their own rules.

A record in a record is made once for each, so that deep ones would take long; beyond, what the
compiled decoding found first is all that is told of such rules.
"""


def shown(value: Any) -> str:
    """*value* as it looks in JSON, cut to a readable length."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case int() if value.bit_length() > 64:
            text = str(value) if value.bit_length() < 2048 else f"of {value.bit_length()} bits"
        case _:
            text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


class Diagnosis:
    """
    Finds what is wrong with decoded JSON or with text from a URL.

    Args:
        is_text: Whether values are text from a URL, in which ``7`` may be a number.
    """

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        # Limits are compiled, which takes longer than the comparison, and a list may be long.
        self._checks: dict[Shape, Check | None] = {}
        self._bytes_left = OWN_RULES_BYTES_MAX

    def fields(
        self, value: Any, fields: tuple[Field, ...], known: frozenset[str], place: str
    ) -> Findings:
        """What is wrong with the object *value*, which has *fields*."""
        if not isinstance(value, dict):
            yield place, f"is {shown(value)}; an object is expected"
            return
        for name in sorted(value.keys() - known):
            yield f"{place}.{name}", f"is unknown{_nearest(name, known)}"
        for field in fields:
            name = field.encoded
            if name in value:
                yield from self.value(value[name], field.shape, f"{place}.{name}")
            elif field.is_required:
                yield f"{place}.{name}", "is missing"

    def value(self, value: Any, shape: Shape, place: str) -> Findings:  # noqa: C901 - one for each
        """What is wrong with *value*, which should be as *shape* says."""
        match shape:
            case Scalar():
                yield from self._scalar(value, shape, place)
            case Choice(enum=enum):
                yield from self._word(value, [member.value for member in enum], place)
            case OneValueOf(values=values):
                yield from self._word(value, list(values), place)
            case Maybe(item=item):
                if value is not None:
                    yield from self.value(value, item, place)
            case ListOf():
                yield from self._list(value, shape, place)
            case TupleOf(items=items):
                yield from self._tuple(value, items, place)
            case MapOf():
                yield from self._map(value, shape, place)
            case RecordShape():
                yield from self._record(value, shape, place)
            case OneOf():
                yield from self._one_of(value, shape, place)

    def _word(self, value: Any, words: list[Any], place: str) -> Findings:
        allowed = [str(word) for word in words] if self._is_text else words
        if type(value) not in (str, int) or value not in allowed:
            told = ", ".join(map(str, words[:10])) + (", ..." if len(words) > 10 else "")
            yield place, f"is {shown(value)}; expected is one of {told}"

    def _list(self, value: Any, shape: ListOf, place: str) -> Findings:
        if not isinstance(value, list):
            yield place, f"is {shown(value)}; a list is expected"
            return
        yield from self._limits(value, "list", shape.limits, place)
        is_set = shape.kind in ("set", "frozenset")
        seen: set[bytes] = set()
        for n, entry in enumerate(value):
            yield from self.value(entry, shape.item, f"{place}[{n}]")
            text = msgspec.json.encode(entry) if is_set and not _is_huge(entry) else b""
            if text in seen:
                yield f"{place}[{n}]", f"is {shown(entry)} again; each stands once"
            if text:
                seen.add(text)

    def _tuple(self, value: Any, items: tuple[Shape, ...], place: str) -> Findings:
        if not isinstance(value, list) or len(value) != len(items):
            told = f"a list of {len(value)}" if isinstance(value, list) else shown(value)
            yield place, f"is {told}; a list of {len(items)} is expected"
            return
        for n, (entry, item) in enumerate(zip(value, items, strict=True)):
            yield from self.value(entry, item, f"{place}[{n}]")

    def _map(self, value: Any, shape: MapOf, place: str) -> Findings:
        if not isinstance(value, dict):
            yield place, f"is {shown(value)}; an object is expected"
            return
        yield from self._limits(value, "map", shape.limits, place)
        read_key = text_reader(shape.key)
        for key, entry in value.items():
            try:
                read_key(key)
            except ValueError as error:
                problem = problem_of(error) or f"{_expected(shape.key)} is expected"
                yield f"{place}[{key!r}]", f"has the key {shown(key)}; {problem}"
            yield from self.value(entry, shape.value, f"{place}[{key!r}]")

    def _one_of(self, value: Any, shape: OneOf, place: str) -> Findings:
        if not isinstance(value, dict):
            yield place, f"is {shown(value)}; an object is expected"
            return
        members = dict(shape.members)
        field = shape.tag_field
        if field not in value:
            yield f"{place}.{field}", f"is missing; it is one of {', '.join(members)}"
            return
        yield from self._word(value[field], list(members), f"{place}.{field}")
        if isinstance(value[field], str) and value[field] in members:
            yield from self._record(value, members[value[field]], place)

    def _record(self, value: Any, shape: RecordShape, place: str) -> Findings:
        found = False
        tag = tag_of_struct(shape.cls)
        if tag is not None and isinstance(value, dict) and value.get(tag[0], tag[1]) != tag[1]:
            found = True
            yield f"{place}.{tag[0]}", f"is {shown(value[tag[0]])}; expected is {tag[1]}"
        fields = fields_of(shape.record)
        for finding in self.fields(value, fields, field_names(shape), place):
            found = True
            yield finding
        if not found:
            yield from self._own_rules(value, shape, place)

    def _own_rules(self, value: Any, shape: RecordShape, place: str) -> Findings:
        """What the record itself says when it is made: validators, and ``__post_init__``."""
        if self._bytes_left <= 0:
            return
        body = msgspec.json.encode(value)
        self._bytes_left -= len(body)
        try:
            strict_decoder(shape.record)(body)
        except Misfit as misfit:
            for inner, problem in misfit.findings:
                yield place + _in_json(inner, shape), problem
        except msgspec.ValidationError as error:
            text, _, inner = str(error).partition(" - at `$")
            yield place + inner.rstrip("`"), text

    def _scalar(self, value: Any, shape: Scalar, place: str) -> Findings:
        kind = shape.kind
        try:
            converted = convert_scalar(value, kind, is_text=self._is_text)
        except ValueError as error:
            # Of what JSON and URLs cannot say, this tells more than what is wrong with the value.
            problem = problem_of(error) if kind != "float" else None
            yield place, problem or f"is {shown(value)}; {EXPECTED[kind]} is expected"
        else:
            yield from self._limits(converted, kind, shape.limits, place)

    def _limits(self, value: Any, kind: str, limits: tuple[Limit, ...], place: str) -> Findings:
        shape = Scalar(kind, limits)
        if shape not in self._checks:
            self._checks[shape] = compile_check(shape)
        check = self._checks[shape]
        if check is not None:
            try:
                check(value)
            except LimitBroken as broken:
                yield place, broken.problem


def _in_json(place: str, shape: RecordShape) -> str:
    """A *place* below a record, which calls its fields as Python does, by their names in JSON."""
    name = re.match(r"\.(\w+)", place)
    fields = {field.name: field.encoded for field in fields_of(shape.record)}
    if name is None or name[1] not in fields:
        return place
    return f".{fields[name[1]]}{place[name.end() :]}"


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > 64


def _expected(key: Scalar | Choice | OneValueOf) -> str:
    if isinstance(key, Scalar):
        return EXPECTED[key.kind]
    words = [one.value for one in key.enum] if isinstance(key, Choice) else list(key.values)
    return f"one of {', '.join(map(str, words[:10]))}"


def _nearest(name: str, known: frozenset[str]) -> str:
    nearest = difflib.get_close_matches(name[:40], known, n=1)
    return f'; did you mean "{nearest[0]}"?' if nearest else f"; known are {_names(known)}"


def _names(known: frozenset[str]) -> str:
    names = sorted(known)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more if names else "none"
