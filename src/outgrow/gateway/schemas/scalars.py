"""The schemas of single values and of what limits them."""

from __future__ import annotations

from typing import Any

from outgrow.contracts import Choice, Limit, OneValueOf, Scalar

Json = dict[str, Any]

_DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_SCALARS: dict[str, Json] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "double"},
    "str": {"type": "string"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    # Of JSON Schema the format "time" has a zone, and a time here has none.
    "time": {"type": "string", "format": "time-local"},
    "timedelta": {"type": "string", "format": "duration"},
    "decimal": {"type": "string", "format": "decimal", "pattern": _DECIMAL},
    "uuid": {"type": "string", "format": "uuid"},
}
_NUMBER = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_KEYWORDS = {
    "int": _NUMBER,
    "float": _NUMBER,
    "str": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "list": {"min_length": "minItems", "max_length": "maxItems"},
    "map": {"min_length": "minProperties", "max_length": "maxProperties"},
}
_INT_KEY = {"pattern": "^(0|-?[1-9][0-9]*)$"}


def scalar_schema(shape: Scalar) -> Json:
    """The schema of a single value."""
    return _SCALARS[shape.kind] | limits_schema(shape.limits, shape.kind)


def words_schema(values: list[str | int]) -> Json:
    """The schema of one of *values*, which are all text or all whole numbers."""
    kind = "string" if isinstance(values[0], str) else "integer"
    return {"type": kind, **({"const": values[0]} if len(values) == 1 else {"enum": values})}


def choice_schema(shape: Choice) -> Json:
    """The schema of a member of an enumeration; it may get more, so it is no constant."""
    values = [member.value for member in shape.enum]
    return {"type": "string" if isinstance(values[0], str) else "integer", "enum": values}


def key_schema(shape: Scalar | Choice | OneValueOf) -> Json:
    """What the keys of an object look like; empty if they may be any text."""
    match shape:
        case Choice():
            return choice_schema(shape)
        case OneValueOf(values=values):
            return words_schema(list(values))
        case Scalar(kind="int"):
            return _INT_KEY
    schema = scalar_schema(shape)
    return {} if schema == _SCALARS["str"] else schema


def limits_schema(limits: tuple[Limit, ...], kind: str) -> Json:
    """The keywords for *limits* of a value of *kind*; in words what JSON Schema cannot say."""
    keywords = _KEYWORDS.get(kind, {})
    schema = {keywords[one.name]: one.value for one in limits if one.name in keywords}
    words = [str(one) for one in limits if one.name not in keywords]
    if words:
        text = ", ".join(words)
        schema["description"] = f"{text[0].upper()}{text[1:]}."
    return schema
