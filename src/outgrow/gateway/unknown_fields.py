"""
Which fields of a body no record has.

Records take unknown fields everywhere else, so that an old program can read what a newer one wrote.
At the edge an unknown field is a misspelt one, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from outgrow.contracts import ListOf, MapOf, Maybe, RecordShape, Shape, fields_of

Known = Callable[[Any], bool]


def field_names(record: type) -> frozenset[str]:
    """The names that may stand in a JSON object of *record*."""
    names = {field.name for field in fields_of(record)}
    tag = record.__struct_config__.tag_field  # type: ignore[attr-defined]
    return frozenset(names | {tag} if tag else names)


class KnownFields:
    """
    Makes checks that a decoded JSON value has no unknown field, one for each record type.

    The checks trust that the value has the right form: they come after the typed decoding.
    """

    def __init__(self) -> None:
        self._records: dict[type, Known] = {}

    def check(self, shape: Shape) -> Known | None:
        """The check of *shape*, or None if no record is in it."""
        match shape:
            case RecordShape(record=record):
                return self._record(record)
            case Maybe(item=item):
                return self._optional(self.check(item))
            case ListOf(item=item):
                return self._each(self.check(item), lambda values: values)
            case MapOf(value=item):
                return self._each(self.check(item), dict.values)
        return None

    def _optional(self, known: Known | None) -> Known | None:
        return known and (lambda value: value is None or known(value))

    def _each(self, known: Known | None, items: Callable[[Any], Iterable[Any]]) -> Known | None:
        return known and (lambda values: all(map(known, items(values))))

    def _record(self, record: type) -> Known:
        if record in self._records:
            return self._records[record]
        names = field_names(record)
        inner: list[tuple[str, Known]] = []

        def known(value: Any) -> bool:
            if not names >= value.keys():
                return False
            for name, check in inner:  # noqa: SIM110 - a generator costs more than the checks
                if name in value and not check(value[name]):
                    return False
            return True

        # Entered before its fields are read, since records may be recursive.
        self._records[record] = known
        for field in fields_of(record):
            check = self.check(field.shape)
            if check is not None:
                inner.append((field.name, check))
        return known
