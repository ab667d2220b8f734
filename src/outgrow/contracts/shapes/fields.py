"""The fields of records, read once and kept with their class."""

from __future__ import annotations

import typing
from typing import Any

from outgrow.contracts.shapes.hints import read_shape
from outgrow.contracts.shapes.kinds import own_fields
from outgrow.contracts.shapes.shape import Field, UnknownShape


def fields_of(record: Any) -> tuple[Field, ...]:
    """
    The fields of *record*, a class or a bound generic, in the order of their definition.

    Raises:
        UnknownShape: A field has a type that contracts cannot carry.
    """
    cls = typing.get_origin(record) or record
    known: dict[Any, tuple[Field, ...]] | None = cls.__dict__.get("__outgrow_fields__")
    if known is None:
        known = {}
        cls.__outgrow_fields__ = known
    if record not in known:
        known[record] = _read(record, cls)
    return known[record]


def own_fields_of(cls: Any) -> tuple[Field, ...]:
    """
    The fields of *cls* that are known whatever a generic class is bound to, what it holds as text.

    Raises:
        UnknownShape: A field has a type that contracts cannot carry.
    """
    parameters = getattr(cls, "__parameters__", ())
    if not parameters:
        return fields_of(cls)
    found = []
    for field in own_fields(cls[(str,) * len(parameters)]):
        try:
            found.append(Field(field.name, read_shape(field.hint), encoded=field.encoded))
        except UnknownShape:
            continue
    return tuple(found)


def _read(record: Any, cls: type) -> tuple[Field, ...]:
    try:
        own = own_fields(record)
    except NameError as error:
        message = (
            f"{error}: types of contracts are needed when the program runs. "
            "Import it outside of 'if TYPE_CHECKING', and define it at the top of its module"
        )
        raise UnknownShape(message) from error
    fields = []
    for field in own:
        try:
            shape = read_shape(field.hint)
        except UnknownShape as error:
            message = f"field {field.name!r} of {cls.__qualname__}: {error}"
            raise UnknownShape(message, error.slug) from error
        fields.append(Field(field.name, shape, field.default, field.factory, field.encoded))
    return tuple(fields)
