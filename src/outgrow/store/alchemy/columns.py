"""Columns of SQLAlchemy that keep values as plain statements of outgrow do, in both databases."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Double, Enum, Integer, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from outgrow.store.rows import adapt


class _Kept(TypeDecorator[Any]):
    """A value that the database keeps as something else, the same as ``tx.execute`` writes it."""

    load: Callable[[Any], Any]

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002 - as SQLAlchemy's
        """What is written."""
        return adapt(type(self).__name__, {"value": value})["value"]

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002 - as above
        """What was read."""
        return None if value is None else type(self).load(value)


class Truth(_Kept):
    """A `bool`, in a column of whole numbers."""

    impl = BigInteger
    cache_ok = True
    load = bool


class Moment(_Kept):
    """An aware `datetime`, in a column of texts, as ISO text in UTC."""

    impl = Text
    cache_ok = True
    load = datetime.fromisoformat


class Day(_Kept):
    """A `date`, in a column of texts."""

    impl = Text
    cache_ok = True
    load = date.fromisoformat


class TimeOfDay(_Kept):
    """A `time` without a zone, in a column of texts."""

    impl = Text
    cache_ok = True
    load = time.fromisoformat


class Duration(_Kept):
    """A `timedelta`, in a column of whole numbers, as microseconds."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def load(value: int) -> timedelta:
        """What was kept."""
        return timedelta(microseconds=value)


class Digits(_Kept):
    """A `Decimal`, in a column of texts, with all its digits."""

    impl = Text
    cache_ok = True
    load = Decimal


class Id(_Kept):
    """A `UUID`, in a column of texts."""

    impl = Text
    cache_ok = True
    load = UUID


class JsonText(_Kept):
    """Lists and dictionaries, in a column of texts; what is changed in place is not noticed."""

    impl = Text
    cache_ok = True

    @staticmethod
    def load(value: str) -> Any:
        """What was kept."""
        return msgspec.json.decode(value)


def _values(kind: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in kind]


COLUMN_TYPES: Final[dict[Any, TypeEngine[Any]]] = {
    bool: Truth(),
    int: BigInteger().with_variant(Integer, "sqlite"),  # There only this one numbers rows.
    float: Double(),
    str: Text(),
    bytes: LargeBinary(),
    datetime: Moment(),
    date: Day(),
    time: TimeOfDay(),
    timedelta: Duration(),
    Decimal: Digits(),
    UUID: Id(),
    dict: JsonText(),
    dict[str, Any]: JsonText(),
    list: JsonText(),
    list[str]: JsonText(),
    list[int]: JsonText(),
    enum.Enum: Enum(enum.Enum, values_callable=_values, native_enum=False),
}
"""For the ``type_annotation_map`` of a declarative base."""
