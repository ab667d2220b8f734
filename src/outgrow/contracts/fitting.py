"""Whether a default is what its type says."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

from outgrow.contracts.codecs import Misfit, range_check
from outgrow.contracts.shapes import (
    SCALARS,
    Check,
    Choice,
    Field,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    compile_check,
)

_CLASSES = {kind: cls for cls, kind in SCALARS.items()}
_COLLECTIONS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def why_unfit_default(field: Field) -> str | None:
    """Why the default of *field* is none that it may have; None if it is, or there is none."""
    if field.is_required:
        return None
    if not _fits(field.default, field.shape):
        return "is not of its type"
    if field.default is None:
        return None
    try:
        for check in _checks(field.shape):
            check(field.default)
    except LimitBroken as broken:
        return f"breaks a limit of its type: {broken}"
    except Misfit as misfit:
        return f"cannot be carried: {misfit}"
    return None


@functools.lru_cache(maxsize=1024)
def _checks(shape: Shape) -> list[Check]:
    """The checks of *shape*; compiled once, since many fields have the same."""
    found = (compile_check(shape), range_check(shape))
    return [check for check in found if check is not None]


def _fits(value: Any, shape: Shape) -> bool:  # noqa: PLR0911 - one for each shape
    match shape:
        case Scalar(kind=kind):
            return _is_scalar(value, kind)
        case Choice(enum=enum):
            return isinstance(value, enum)
        case OneValueOf(values=values):
            return any(type(value) is type(one) and value == one for one in values)
        case Maybe(item=item):
            return value is None or _fits(value, item)
        case ListOf(item=item, kind=kind):
            cls: Any = _COLLECTIONS[kind]
            return isinstance(value, cls) and all(_fits(one, item) for one in value)
        case TupleOf(items=items):
            return (
                isinstance(value, tuple)
                and len(value) == len(items)
                and all(map(_fits, value, items))
            )
        case _:
            return _fits_object(value, shape)


def _fits_object(value: Any, shape: Shape) -> bool:
    match shape:
        case MapOf(key=key, value=item):
            return isinstance(value, dict) and all(
                _fits(name, key) and _fits(one, item) for name, one in value.items()
            )
        case RecordShape(cls=cls):
            return isinstance(value, cls)
        case OneOf(members=members):
            return any(isinstance(value, record.cls) for _, record in members)
    return isinstance(shape, Nothing) and value is None


def _is_scalar(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    if kind == "float":
        return isinstance(value, int | float)
    if kind == "date" and isinstance(value, datetime):
        return False
    return isinstance(value, _CLASSES.get(kind, object))
