"""Types in words, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outgrow.contracts.descriptions import (
    EnumType,
    ListType,
    LiteralType,
    MapType,
    NothingType,
    OptionalType,
    RecordType,
    ScalarType,
    TupleType,
    Type,
    UnionType,
)
from outgrow.contracts.shapes import Limit


def spelled(shape: Type) -> str:  # noqa: PLR0911 - one type, one answer
    """*shape* as a type hint is written, its limits in words."""
    match shape:
        case ScalarType(kind=kind, limits=limits):
            return f"{kind}{limits_in_words(limits)}"
        case EnumType(name=name) | RecordType(name=name):
            return name
        case LiteralType(values=values):
            return f"Literal[{', '.join(map(repr, values))}]"
        case ListType(item=item, collection=collection, limits=limits):
            more = ", ..." if collection == "tuple" else ""
            return f"{collection}[{spelled(item)}{more}]{limits_in_words(limits)}"
        case TupleType(items=items):
            return f"tuple[{', '.join(map(spelled, items))}]"
        case MapType(key=key, value=value, limits=limits):
            return f"dict[{spelled(key)}, {spelled(value)}]{limits_in_words(limits)}"
        case OptionalType(item=item):
            return f"{spelled(item)} | None"
        case UnionType(members=members):
            return " | ".join(members.values())
        case NothingType():
            return "None"


def limits_in_words(limits: Mapping[str, Any]) -> str:
    """*limits* behind the type that they belong to: `` (at least 1)``."""
    return f" ({', '.join(str(Limit(*limit)) for limit in limits.items())})" if limits else ""
