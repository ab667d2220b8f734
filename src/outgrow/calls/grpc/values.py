"""Single values to protobuf and back, with the checks that protobuf does not make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def refuse() -> NoReturn:
    """Stop; `refusals` will say why."""
    raise TypeError


def absent(name: str) -> NoReturn:
    """Stop: what must be there is not."""
    raise LookupError(name)


def text(value: object) -> str:
    """*value*, of which protobuf would also take bytes."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError


def truth(_value: object) -> NoReturn:
    """Refuse what protobuf would take if it were a number."""
    raise TypeError


def real(value: object) -> float:
    """*value*, which may be an int if nothing of it is lost."""
    if isinstance(value, float):
        return value
    if type(value) is int and float(value) == value:
        return float(value)
    raise TypeError


def stamp(message: Any, value: Any) -> None:
    """Write an aware datetime into a ``Timestamp``."""
    if value.utcoffset() is None:
        raise TypeError
    since = value - _EPOCH
    message.SetInParent()
    message.seconds = since.days * 86400 + since.seconds
    message.nanos = since.microseconds * 1000


def moment(message: Any) -> datetime:
    """The datetime of a ``Timestamp``; what is finer than a microsecond is cut off."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
