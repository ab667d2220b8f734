"""
What is checked of values after they were decoded: that every wire, column and journal can carry
them, and the limits of records that do not check themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from outgrow.contracts.codecs.misfits import Misfit
from outgrow.contracts.codecs.remembering import remembered
from outgrow.contracts.shapes import (
    Check,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    compile_check,
    fields_of,
    parts_of,
)

DECIMAL_CHARACTERS_MAX = 1_000
"""The longest text of a decimal number, as JSON and over gRPC, in both directions."""

ArrivingCheck = Callable[[Any, bytes | str], None]

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_LONGEST = timedelta(seconds=315_576_000_000)
"""What `google.protobuf.Duration` can tell, in both directions."""

_DIGITS = bytes(b"0"[0] if byte in b"123456789" else byte for byte in range(256))
_LONG = b"0" * 19


def arriving_check(shape: Shape) -> ArrivingCheck | None:
    """
    The check of values of *shape*, given with the text that they came from; None if there is none.

    A text that holds no 19 digits in a row holds no number over 64 bits and no decimal that is too
    long, so that its whole numbers are not looked at one by one.
    """
    limits = compile_check(shape)
    others, all_kinds = (
        # JSON has no other floats than finite ones.
        _Compiler(skip).compile(shape)
        for skip in (("float", "int", "length"), ("float",))
    )
    if all_kinds is None and limits is None:
        return None

    def check(value: Any, text: bytes | str) -> None:
        ranges = all_kinds if has_long_number(text) else others
        if ranges is not None:
            ranges(value)
        if limits is not None:
            limits(value)

    return check


@remembered
def range_check(shape: Shape, *, has_length: bool = True) -> Check | None:
    """
    The check of values of *shape* whose text is not at hand; without limits.

    Args:
        has_length: Whether decimals may be too long; they stay in the database otherwise.
    """
    return _Compiler(() if has_length else ("length",)).compile(shape)


def has_long_number(text: bytes | str) -> bool:
    """Whether 19 digits stand in a row in *text*."""
    raw = text.encode() if isinstance(text, str) else text
    return _LONG in raw.translate(_DIGITS)


def _int(value: int) -> None:
    if not _LOWEST <= value <= _HIGHEST:
        raise Misfit([("", f"{_shown(value)} is no whole number of 64 bits")])


def _float(value: float) -> None:
    if value - value != 0:
        raise Misfit([("", f"{value} is no finite number")])


def _datetime(value: datetime) -> None:
    if value.tzinfo is None:
        raise Misfit([("", f"{value.isoformat()} has no zone; write Z or an offset")])
    if value.year in (1, 9999):
        try:
            value.astimezone(UTC)
        except OverflowError:
            problem = f"{value.isoformat()} is in no year from 1 to 9999 of UTC"
            raise Misfit([("", problem)]) from None


def _time(value: time) -> None:
    if value.tzinfo is not None:
        raise Misfit([("", f"{value.isoformat()} has a zone; a time of day has none")])


def _timedelta(value: timedelta) -> None:
    if not -_LONGEST <= value <= _LONGEST:
        raise Misfit([("", f"{value} is longer than 315576000000 seconds")])


def _decimal(value: Decimal) -> None:
    if not value.is_finite():
        raise Misfit([("", f"{value} is no finite number")])


def _decimal_text(value: Decimal) -> None:
    _decimal(value)
    length = len(str(value))
    if length > DECIMAL_CHARACTERS_MAX:
        problem = f"has {length} characters; a decimal has at most {DECIMAL_CHARACTERS_MAX}"
        raise Misfit([("", problem)])


_CHECKS: dict[str, Check] = {
    "int": _int,
    "float": _float,
    "datetime": _datetime,
    "time": _time,
    "timedelta": _timedelta,
    "decimal": _decimal,
}


class _Compiler:
    """
    Compiles one check; knows the records on the way, which may hold themselves.

    Args:
        skip: The kinds that are not looked at, and ``length`` if that of decimals is not.
    """

    def __init__(self, skip: tuple[str, ...]) -> None:
        self._skip = skip
        self._records: dict[Any, Check] = {}

    def compile(self, shape: Shape) -> Check | None:  # noqa: PLR0911 - one shape, one answer
        if not self._is_needed(shape, set()):
            return None
        match shape:
            case Scalar(kind=kind):
                has_length = kind == "decimal" and "length" not in self._skip
                return _decimal_text if has_length else _CHECKS[kind]
            case Maybe(item=item):
                inner = self.compile(item)
                return inner and (lambda value: None if value is None else inner(value))
            case ListOf(item=item):
                return _each(self.compile(item))
            case TupleOf(items=items):
                return _every([self.compile(item) for item in items])
            case MapOf(key=key, value=value):
                return _items(self.compile(key), self.compile(value))
            case RecordShape():
                return self._record(shape)
            case OneOf(members=members):
                checks = {one.cls: self.compile(one) for _, one in members}
                return lambda value: (checks.get(type(value)) or _nothing)(value)
        return None

    def _record(self, shape: RecordShape) -> Check:
        if shape.record not in self._records:
            # One that holds itself finds this, which looks the real one up when it is used.
            self._records[shape.record] = lambda value: self._records[shape.record](value)  # noqa: PLW0108
            self._records[shape.record] = _fields(
                [
                    (field.name, field.encoded, check)
                    for field in fields_of(shape.record)
                    if (check := self.compile(field.shape)) is not None
                ]
            )
        return self._records[shape.record]

    def _is_needed(self, shape: Shape, seen: set[Any]) -> bool:
        match shape:
            case Scalar(kind=kind):
                return kind in _CHECKS and kind not in self._skip
            case RecordShape(record=record):
                if record in seen:
                    return False
                seen.add(record)
                return any(self._is_needed(field.shape, seen) for field in fields_of(record))
        return any(self._is_needed(part, seen) for part in parts_of(shape))


def _nothing(value: Any) -> None:
    """No check."""


def _fields(checks: list[tuple[str, str, Check]]) -> Check:
    def check_fields(value: Any) -> None:
        for name, encoded, check in checks:
            try:
                check(getattr(value, name))
            except Misfit as misfit:
                raise misfit.below(f".{encoded}") from None

    return check_fields


def _each(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_each(values: Any) -> None:
        for n, value in enumerate(values):
            try:
                check(value)
            except Misfit as misfit:
                raise misfit.below(f"[{n}]") from None

    return check_each


def _every(checks: list[Check | None]) -> Check:
    def check_every(values: Any) -> None:
        for n, (check, value) in enumerate(zip(checks, values, strict=False)):
            if check is not None:
                try:
                    check(value)
                except Misfit as misfit:
                    raise misfit.below(f"[{n}]") from None

    return check_every


def _items(of_key: Check | None, of_value: Check | None) -> Check:
    def check_items(values: dict[Any, Any]) -> None:
        for key, value in values.items():
            try:
                if of_key is not None:
                    of_key(key)
                if of_value is not None:
                    of_value(value)
            except Misfit as misfit:
                raise misfit.below(f"[{key!r}]") from None

    return check_items


def _shown(value: int) -> str:
    return str(value) if value.bit_length() < 256 else f"a number of {value.bit_length()} bits"
