"""
All that is wrong with a value, each finding with its place.

This is the slow path: it runs only after the compiled decoding has refused a request.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from outgrow.contracts import (
    Check,
    Choice,
    Field,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    RecordShape,
    Scalar,
    Shape,
    compile_check,
    fields_of,
)
from outgrow.gateway.unknown_fields import field_names

Findings = Iterator[tuple[str, str]]

_KINDS: dict[str, tuple[type, str]] = {
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": (float, "a finite number"),
    "str": (str, "text"),
    "bytes": (bytes, "bytes in base64"),
    "datetime": (datetime, "a time such as 2030-01-31T12:00:00Z"),
}


def shown(value: Any) -> str:
    """*value* as it looks in JSON, cut to a readable length."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
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
            if field.name in value:
                yield from self.value(value[field.name], field.shape, f"{place}.{field.name}")
            elif field.is_required:
                yield f"{place}.{field.name}", "is missing"

    def value(self, value: Any, shape: Shape, place: str) -> Findings:
        """What is wrong with *value*, which should be as *shape* says."""
        match shape:
            case Scalar(kind=kind):
                yield from self._scalar(value, kind, shape, place)
            case Choice(enum=enum):
                words = [member.value for member in enum]
                if value not in words:
                    yield place, f"is {shown(value)}; expected is one of {', '.join(words[:10])}"
            case Maybe(item=item):
                if value is not None:
                    yield from self.value(value, item, place)
            case ListOf():
                yield from self._list(value, shape, place)
            case MapOf():
                yield from self._map(value, shape, place)
            case RecordShape(record=record):
                yield from self.fields(value, fields_of(record), field_names(record), place)

    def _list(self, value: Any, shape: ListOf, place: str) -> Findings:
        if not isinstance(value, list):
            yield place, f"is {shown(value)}; a list is expected"
            return
        yield from self._limits(value, Scalar("list", shape.limits), place)
        for n, entry in enumerate(value):
            yield from self.value(entry, shape.item, f"{place}[{n}]")

    def _map(self, value: Any, shape: MapOf, place: str) -> Findings:
        if not isinstance(value, dict):
            yield place, f"is {shown(value)}; an object is expected"
            return
        yield from self._limits(value, Scalar("map", shape.limits), place)
        for key, entry in value.items():
            yield from self.value(entry, shape.value, f"{place}[{key!r}]")

    def _scalar(self, value: Any, kind: str, shape: Scalar, place: str) -> Findings:
        target, words = _KINDS[kind]
        try:
            converted: Any = msgspec.convert(value, target, strict=not self._is_text)
        except msgspec.ValidationError:
            converted = None
        if converted is None or (kind == "float" and not math.isfinite(converted)):
            yield place, f"is {shown(value)}; {words} is expected"
        else:
            yield from self._limits(converted, shape, place)

    def _limits(self, value: Any, shape: Scalar, place: str) -> Findings:
        if shape not in self._checks:
            self._checks[shape] = compile_check(shape)
        check = self._checks[shape]
        if check is not None:
            try:
                check(value)
            except LimitBroken as broken:
                yield place, broken.problem


def _nearest(name: str, known: frozenset[str]) -> str:
    nearest = difflib.get_close_matches(name[:40], known, n=1)
    return f'; did you mean "{nearest[0]}"?' if nearest else f"; known are {_names(known)}"


def _names(known: frozenset[str]) -> str:
    names = sorted(known)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more if names else "none"
