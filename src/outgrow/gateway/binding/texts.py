"""Single values that stand as text: in a URL, or as the keys of a JSON object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts import (
    SCALARS,
    Check,
    Choice,
    LimitBroken,
    Maybe,
    Misfit,
    OneValueOf,
    Scalar,
    Shape,
    compile_check,
    range_check,
)

Read = Callable[[str], Any]

_TYPES = {kind: cls for cls, kind in SCALARS.items()}
_UNQUOTED = ("bool", "int", "float")
"""What JSON writes without quotes, so that its text is read as what it says."""

EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a finite number",
    "str": "text",
    "bytes": "bytes in base64",
    "datetime": "a time such as 2030-01-31T12:00:00Z",
    "date": "a date such as 2030-01-31",
    "time": "a time of day such as 12:30:00",
    "timedelta": "a duration such as PT1H30M",
    "decimal": 'a decimal number as text, such as "1.50"',
    "uuid": "an id such as 123e4567-e89b-12d3-a456-426614174000",
}


def text_reader(shape: Shape) -> Read:
    """What reads a single value, such as a parameter in a URL; it raises a ValueError."""
    match shape:
        case Maybe(item=item):
            return text_reader(item)
        case Choice(enum=enum):
            return _words_reader({str(member.value): member for member in enum})
        case OneValueOf(values=values):
            return _words_reader({str(value): value for value in values})
    assert isinstance(shape, Scalar), "a URL holds single values"
    checks = [one for one in (range_check(shape), compile_check(shape)) if one is not None]
    return scalar_reader(shape.kind, checks)


def scalar_reader(kind: str, checks: list[Check]) -> Read:
    """What reads a text as a scalar of *kind*, and checks it."""
    cls, is_strict = _TYPES[kind], kind not in _UNQUOTED

    def read(text: str) -> Any:
        value = text if kind == "str" else msgspec.convert(text, cls, strict=is_strict)
        for check in checks:
            check(value)
        return value

    return (lambda text: text) if kind == "str" and not checks else read


def convert_scalar(value: Any, kind: str, *, is_text: bool) -> Any:
    """
    A decoded JSON value, or text, as a scalar of *kind*.

    Raises:
        ValueError: It is none, or one that not every wire carries.
    """
    converted: Any = msgspec.convert(
        value, _TYPES[kind], strict=not is_text or kind not in _UNQUOTED
    )
    check = range_check(Scalar(kind))
    if check is not None:
        check(converted)
    return converted


def problem_of(error: ValueError) -> str | None:
    """What a check said of a value, if it was one of ours."""
    if isinstance(error, Misfit):
        return "; ".join(problem for _, problem in error.findings)
    return error.problem if isinstance(error, LimitBroken) else None


def _words_reader(words: dict[str, Any]) -> Read:
    def read(text: str) -> Any:
        if text not in words:
            raise ValueError(text)
        return words[text]

    return read
