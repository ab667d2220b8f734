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
    compile_record_check,
)
from outgrow.contracts.shapes.fields import fields_of
from outgrow.contracts.shapes.hints import read_shape, resolve_hints
from outgrow.contracts.shapes.kinds import (
    checks_itself,
    is_frozen,
    is_pydantic,
    is_record,
    is_struct,
    makes_itself,
    own_fields,
    tag_of,
)
from outgrow.contracts.shapes.limits import Limit
from outgrow.contracts.shapes.shape import (
    SCALARS,
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
from outgrow.contracts.shapes.streams import is_meant_as_stream, read_stream

__all__ = [
    "SCALARS",
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
    "checks_itself",
    "compile_check",
    "compile_fields_check",
    "compile_record_check",
    "fields_of",
    "is_frozen",
    "is_meant_as_stream",
    "is_pydantic",
    "is_record",
    "is_struct",
    "makes_itself",
    "own_fields",
    "parts_of",
    "read_shape",
    "read_stream",
    "resolve_hints",
    "tag_of",
]
