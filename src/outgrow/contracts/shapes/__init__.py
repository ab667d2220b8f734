"""
What a value may look like.

Floor: words; a room inside contracts. Pure.
Uses: of contracts the secrets.
Offers: types as plain data, read from type hints, the fields of records of every kind, and checks
of their limits.
"""

from outgrow.contracts.shapes.checks import (
    Check,
    LimitBroken,
    compile_check,
    compile_fields_check,
)
from outgrow.contracts.shapes.fields import fields_of
from outgrow.contracts.shapes.hints import read_shape, resolve_hints
from outgrow.contracts.shapes.kinds import is_frozen, is_pydantic, is_record, is_struct
from outgrow.contracts.shapes.limits import Limit
from outgrow.contracts.shapes.shape import (
    Choice,
    Field,
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
    UnknownShape,
    parts_of,
)

__all__ = [
    "Check",
    "Choice",
    "Field",
    "Limit",
    "LimitBroken",
    "ListOf",
    "MapOf",
    "Maybe",
    "Nothing",
    "OneOf",
    "OneValueOf",
    "RecordShape",
    "Scalar",
    "Shape",
    "TupleOf",
    "UnknownShape",
    "compile_check",
    "compile_fields_check",
    "fields_of",
    "is_frozen",
    "is_pydantic",
    "is_record",
    "is_struct",
    "parts_of",
    "read_shape",
    "resolve_hints",
]
