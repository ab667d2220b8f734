"""Whether the limits of a writer keep those of a reader."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from outgrow.contracts.shapes import Limit, LimitBroken, Scalar, compile_check

_FROM_TEXT: dict[str, type] = {
    "decimal": Decimal,
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
}


_ENOUGH: dict[str, dict[str, Callable[[Any, Any], bool]]] = {
    "ge": {"ge": operator.ge, "gt": operator.ge},
    "gt": {"gt": operator.ge, "ge": operator.gt},
    "le": {"le": operator.le, "lt": operator.le},
    "lt": {"lt": operator.le, "le": operator.lt},
    "min_length": {"min_length": operator.ge},
    "max_length": {"max_length": operator.le},
    "multiple_of": {"multiple_of": lambda mine, limit: mine % limit == 0},
    "max_digits": {"max_digits": operator.le},
    "decimal_places": {"decimal_places": operator.le},
}
"""Which limits of a writer, compared so, keep a limit of the reader."""


def broken_limits(kind: str, writer: Mapping[str, Any], reader: Mapping[str, Any]) -> list[str]:
    """The names of the reader's limits that a value may break although it keeps the writer's."""
    return [name for name in reader if not _is_kept(kind, name, writer, reader[name])]


def _is_kept(kind: str, name: str, writer: Mapping[str, Any], limit: Any) -> bool:
    if writer.get(name) == limit:
        return True
    limit = _value(kind, limit)
    return any(
        is_enough(_value(kind, writer[mine]), limit)
        for mine, is_enough in _ENOUGH.get(name, {}).items()
        if writer.get(mine) is not None
    )


def _value(kind: str, limit: Any) -> Any:
    """A limit as it can be compared: those of times and decimals are text in a description."""
    if isinstance(limit, str) and kind in _FROM_TEXT:
        return msgspec.convert(limit, _FROM_TEXT[kind])
    return limit


def breaks_limits(kind: str, limits: Mapping[str, Any], value: str | int) -> bool:
    """Whether *value*, of the scalar *kind*, breaks one of *limits*."""
    check = compile_check(Scalar(kind, tuple(Limit(*limit) for limit in limits.items())))
    try:
        if check is not None:
            check(value)
    except LimitBroken:
        return True
    return False
