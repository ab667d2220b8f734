"""Defaults and limits as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec

from outgrow.contracts.shapes import Limit, fields_of, is_record

_INT64 = range(-(2**63), 2**63)


def constant(value: Any) -> Any:  # noqa: PLR0911 - one kind, one answer
    """*value*, a default or a limit, as JSON has it; what JSON cannot hold becomes text."""
    match value:
        case Enum():
            return value.value
        case None | bool() | str():
            return value
        case int():
            return int(value) if int(value) in _INT64 else str(value)
        case float():
            return value if math.isfinite(value) else repr(value)
        case list() | tuple():
            return [constant(item) for item in value]
        case set() | frozenset():
            return sorted((constant(item) for item in value), key=repr)
        case dict():
            return {str(constant(key)): constant(item) for key, item in value.items()}
    if is_record(type(value)):
        return {f.encoded: constant(getattr(value, f.name)) for f in fields_of(type(value))}
    return _as_text(value)


def _as_text(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)  # times, dates, decimals, ids and bytes
    except TypeError:
        return ascii(value)


def limits_of(limits: Iterable[Limit]) -> dict[str, Any]:
    """The values of *limits* by their names."""
    return {limit.name: constant(limit.value) for limit in limits}
