"""Kinds of columns, and what two values of one have in common that mean the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from outgrow.store.session import Row

DIGEST_BYTES: Final = 16
ANY: Final = "any"
"""A column of SQLite's, which keeps what it is given."""

BETWEEN_DATABASES: Final = {
    "moment": "timestamp with time zone",
    "local_moment": "timestamp without time zone",
    "date": "pg_catalog.date",
    "time": "time without time zone",
    "duration": "interval",
}
"""
The kinds whose columns keep more than SQLite can, such as a month, or infinity, and their types.

Between two databases that both have it such a column goes as the text of its type.
"""


def _moment(value: Any) -> Any:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat()


def _json(value: Any) -> Any:
    loaded = json.loads(value, parse_float=Decimal, parse_int=Decimal)
    return json.dumps(loaded, sort_keys=True, default=_number)


def _number(value: Any) -> str:
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return f"{number.normalize():f}"


def _time(value: Any) -> Any:
    return time.fromisoformat(value).isoformat()


_NORMALS: Final[dict[str, Callable[[Any], Any]]] = {
    "padded": lambda value: value.rstrip(" "),  # char(n) fills up with blanks.
    "real": lambda value: float(value) + 0.0,  # There are two zeros.
    "boolean": int,
    "moment": _moment,
    "local_moment": _moment,
    "time": _time,
    "decimal": _number,
    "uuid": lambda value: str(UUID(value)),
    "json": _json,
}
"""By the kind of a column, what makes equal what means the same there; else it is equal."""


class Sum:
    """
    Count and checksum of rows, in whatever order they come.

    Args:
        kinds: The kinds of the columns, the same for both ends.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self._normals = [(n, _NORMALS[kind]) for n, kind in enumerate(kinds) if kind in _NORMALS]
        self.count = 0
        self._sum = 0

    def add(self, rows: list[Row]) -> None:
        """Add *rows*."""
        self.count += len(rows)
        self._sum += self._digest(rows)

    def take_away(self, other: Sum) -> None:
        """Take out the rows of *other*, which were added."""
        self.count -= other.count
        self._sum -= other._sum

    @property
    def checksum(self) -> str:
        """The checksum, as hexadecimal digits."""
        return f"{self._sum % (1 << 8 * DIGEST_BYTES):0{2 * DIGEST_BYTES}x}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sum):
            return NotImplemented
        return (self.count, self.checksum) == (other.count, other.checksum)

    __hash__ = None  # type: ignore[assignment]

    def _digest(self, rows: list[Row]) -> int:
        total = 0
        for row in rows:
            text = repr(self._normal(row) if self._normals else tuple(row))
            digest = blake2b(text.encode(errors="surrogatepass"), digest_size=DIGEST_BYTES)
            total += int.from_bytes(digest.digest())
        return total

    def _normal(self, row: Row) -> Row:
        values = list(row)
        for index, normal in self._normals:
            if values[index] is not None:
                # What is no such value must be the same on both ends.
                with suppress(ValueError, TypeError, ArithmeticError):
                    values[index] = normal(values[index])
        return tuple(values)
