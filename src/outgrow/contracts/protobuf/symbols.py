"""
Names that stand beside each other in protobuf, where each may be there once.

A package is one scope of its services, messages and enumerations, and of all *values* of its
enumerations. A message is one of its fields and of what lies in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from outgrow.contracts.places import place_of
from outgrow.contracts.protobuf.names import PLAIN, camel
from outgrow.contracts.protobuf.proto import ProtoEnum, ProtoFile, ProtoMessage
from outgrow.errors import Finding

_Symbol = tuple[str, str, Any]
"""A name, what has it in words, and where that stands."""


def find_clashes(file: ProtoFile) -> list[Finding]:
    """The names of *file* that would stand for two things, and those that are no names."""
    places = {
        message.name: made.method.place
        for service in file.services
        for made in service.methods
        for message in (made.request, made.reply)
    }
    findings = list(_twice(f"package {file.package}", _package(file)))
    for message in file.messages:
        place = places.get(message.name) or getattr(message.shape, "cls", file.package)
        findings += _twice(message.name, ((*symbol, place) for symbol in symbols_in(message)))
    return findings


def symbols_in(message: ProtoMessage) -> Iterator[tuple[str, str]]:
    """The names in the scope of *message*, each with what has it in words."""
    for field in message.fields:
        yield field.name, f"the field {field.name!r}"
    for inner in message.messages:
        name = inner.name.rpartition(".")[2]
        yield name, f"a message that the field {inner.owner!r} needs"
    for field in message.fields:
        if field.label == "map":
            yield f"{camel(field.name)}Entry", f"a message that the field {field.name!r} needs"
    if message.role == "one_of":
        yield message.one_of, "the oneof"


def _package(file: ProtoFile) -> Iterator[_Symbol]:
    for service in file.services:
        yield service.name, f"the contract {service.name}", service.model.place
    for part in file.parts:
        if isinstance(part, ProtoEnum):
            yield from _enum(part)
        else:
            place = getattr(part.shape, "cls", file.package)
            yield part.name, f"the message {part.name}", place


def _enum(enum: ProtoEnum) -> Iterator[_Symbol]:
    cls = enum.shape.enum
    yield enum.name, f"the enumeration {enum.name}", cls
    for member in ("UNSPECIFIED", *enum.values):
        yield f"{enum.prefix}{member}", f"the value {member} of {enum.name}", cls


def _twice(scope: str, symbols: Iterable[_Symbol]) -> Iterator[Finding]:
    known: dict[str, str] = {}
    for name, what, place in symbols:
        if not PLAIN.fullmatch(name):
            yield _finding(place, f"{name!r}, in {scope} {what}, is no name of protobuf.")
        other = known.setdefault(name, what)
        if other is not what:
            yield _finding(
                place, f"{name!r} would stand for two things in {scope}: {other}, and {what}."
            )


def _finding(place: Any, message: str) -> Finding:
    return Finding(
        place=place if isinstance(place, str) else place_of(place),
        message=message,
        remedy="Rename one of them in the code.",
        slug="protobuf-name",
    )
