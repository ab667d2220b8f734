"""Single values to the bytes of protobuf and back, with the checks that protobuf does not make."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from struct import Struct
from typing import Any, NoReturn
from uuid import UUID

import msgspec

from outgrow.contracts.codecs import DECIMAL_CHARACTERS_MAX, Misfit

DEPTH_MAX = 100
"""How deep protobuf lets messages lie in each other."""

DURATION_SECONDS_MAX = 315_576_000_000
"""The longest ``google.protobuf.Duration``: 10,000 years."""

# What a `google.protobuf.Timestamp` may hold: the years 1 to 9999.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UNSIGNED = 1 << 64
_DOUBLE = Struct("<d").pack
_LAST_BYTE = [bytes((n,)) for n in range(128)]
_MORE = [bytes((n | 128,)) for n in range(128)]


def refuse() -> NoReturn:
    """Stop; `refusals` will say why."""
    raise TypeError


def absent(name: str) -> NoReturn:
    """Stop: what must be there is not."""
    raise LookupError(name)


def too_deep() -> NoReturn:
    """Stop: others could not read it."""
    message = f"lies more than {DEPTH_MAX} deep; make it flatter"
    raise Misfit([("", message)])


# Out.


@functools.cache
def heads(tag: int) -> list[bytes]:
    """The *tag* of a field with each single byte that may follow: a length, or a small number."""
    first = varint(tag) if tag else b""
    return [first + bytes((n,)) for n in range(128)]


def varint(value: int) -> bytes:
    """*value* in groups of seven bits; one below zero takes ten bytes."""
    if value < 0:
        value += _UNSIGNED
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def number(tag: bytes, value: Any) -> bytes:
    """A whole number of 64 bits after its *tag*."""
    if type(value) is not int:
        raise TypeError
    if 0 <= value < 16384:
        return tag + _MORE[value & 127] + _LAST_BYTE[value >> 7]
    if 0 <= value < 2097152:
        return tag + _MORE[value & 127] + _MORE[value >> 7 & 127] + _LAST_BYTE[value >> 14]
    if not -_UNSIGNED >> 1 <= value < _UNSIGNED >> 1:
        raise OverflowError
    return tag + varint(value)


def long(tag: bytes, content: bytes) -> bytes:
    """*content*, however long, after its *tag* and length."""
    length = len(content)
    if length < 16384:
        return tag + _MORE[length & 127] + _LAST_BYTE[length >> 7] + content
    return tag + varint(length) + content


def blob(value: Any) -> bytes:
    """*value*, of a class below `bytes`."""
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError


def real(value: object) -> float:
    """*value*, which may be an int if nothing of it is lost."""
    if isinstance(value, float):
        return value
    if type(value) is int and float(value) == value:
        return float(value)
    raise TypeError


def double(value: object) -> bytes:
    """The eight bytes of a float."""
    return _DOUBLE(real(value))


def stamp(value: Any) -> bytes:
    """The content of a ``Timestamp``: an aware datetime."""
    since = value - _EPOCH  # nothing without a zone has a distance from it
    seconds = since.days * 86400 + since.seconds
    if not _FIRST <= seconds <= _LAST:
        raise OverflowError
    return _parts(seconds, since.microseconds * 1000)


def span(value: Any) -> bytes:
    """The content of a ``Duration``: seconds and nanoseconds have one sign."""
    if not isinstance(value, timedelta):
        raise TypeError
    seconds, micros = value.days * 86400 + value.seconds, value.microseconds
    if not -DURATION_SECONDS_MAX <= seconds <= DURATION_SECONDS_MAX - (micros > 0):
        raise OverflowError
    if seconds < 0 and micros:
        seconds, micros = seconds + 1, micros - 1_000_000
    return _parts(seconds, micros * 1000)


def _parts(seconds: int, nanos: int) -> bytes:
    """Both numbers, each unless it is zero."""
    if 268_435_456 <= seconds < 34_359_738_368:  # five bytes: the years 1978 to 3058
        content = bytes(
            (
                8,
                seconds & 127 | 128,
                seconds >> 7 & 127 | 128,
                seconds >> 14 & 127 | 128,
                seconds >> 21 & 127 | 128,
                seconds >> 28,
            )
        )
    else:
        content = b"\x08" + varint(seconds) if seconds else b""
    if 2_097_152 <= nanos < 268_435_456:  # four bytes: from 2 to 268 ms
        return content + bytes(
            (16, nanos & 127 | 128, nanos >> 7 & 127 | 128, nanos >> 14 & 127 | 128, nanos >> 21)
        )
    return content + b"\x10" + varint(nanos) if nanos else content


def day_text(value: Any) -> bytes:
    """A date as ISO text."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value.isoformat().encode()


def time_text(value: Any) -> bytes:
    """A time of day as ISO text; it has no zone."""
    if not isinstance(value, time) or value.tzinfo is not None:
        raise TypeError
    return value.isoformat().encode()


def decimal_text(value: Any) -> bytes:
    """A finite decimal number as text; it keeps its zeros."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError
    text = Decimal.__str__(value)
    if len(text) > DECIMAL_CHARACTERS_MAX:
        raise OverflowError
    return text.encode()


def uuid_text(value: Any) -> bytes:
    """A UUID as text."""
    if not isinstance(value, UUID):
        raise TypeError
    return str(value).encode()


# In.


def moment(message: Any) -> datetime:
    """The datetime of a ``Timestamp``; what is finer than a microsecond is cut off."""
    seconds, nanos = message.seconds, message.nanos
    if not (0 <= nanos < 1_000_000_000 and _FIRST <= seconds <= _LAST):
        text = f"{seconds} s and {nanos} ns lie outside of the years 1 to 9999"
        raise Misfit([("", text)])
    return _EPOCH + timedelta(0, seconds, nanos // 1000)


def duration(message: Any) -> timedelta:
    """The time of a ``Duration``; what is finer than a microsecond is cut off."""
    seconds, nanos = message.seconds, message.nanos
    is_whole = seconds * nanos >= 0 and -1_000_000_000 < nanos < 1_000_000_000
    if not is_whole or not -DURATION_SECONDS_MAX <= seconds <= DURATION_SECONDS_MAX:
        text = f"{seconds} s and {nanos} ns are no duration of at most 10,000 years"
        raise Misfit([("", text)])
    if seconds in (DURATION_SECONDS_MAX, -DURATION_SECONDS_MAX) and nanos:
        text = f"{seconds} s and {nanos} ns are longer than 10,000 years"
        raise Misfit([("", text)])
    micros = abs(nanos) // 1000
    return timedelta(seconds=seconds, microseconds=micros if nanos > 0 else -micros)


def day(text: str) -> date:
    """The date that ISO text means."""
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError as error:
        raise _no(text, "date, as in 2024-05-17") from error


def clock(text: str) -> time:
    """The time of day that ISO text means."""
    try:
        found = msgspec.convert(text, time)
    except msgspec.ValidationError as error:
        raise _no(text, "time of day, as in 12:30:00") from error
    if found.tzinfo is not None:
        raise _no(text, "time of day without a zone")
    return found


def decimal(text: str) -> Decimal:
    """The decimal number that a text means."""
    if len(text) > DECIMAL_CHARACTERS_MAX:
        message = f"has {len(text)} characters; a decimal has at most {DECIMAL_CHARACTERS_MAX}"
        raise Misfit([("", message)])
    try:
        if _DECIMAL.fullmatch(text) is not None and (found := Decimal(text)).is_finite():
            return found
    except ArithmeticError:
        pass
    raise _no(text, "decimal number")


def uuid(text: str) -> UUID:
    """The UUID that a text means."""
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError as error:
        raise _no(text, "UUID") from error


def distinct(cls: type[Any], items: Collection[Any]) -> Any:
    """A set of *items*, of which no two are equal."""
    found = cls(items)
    if len(found) != len(items):
        text = f"holds {len(items)} items, of which some are equal; each may be there once"
        raise Misfit([("", text)])
    return found


def _no(text: str, wanted: str) -> Misfit:
    return Misfit([("", f"{shown(text)} is no {wanted}")])


def shown(value: object) -> str:
    """*value* for a message: short, and in ASCII."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an int of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
