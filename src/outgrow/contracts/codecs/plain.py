"""What msgspec is told of values that it does not know."""

from __future__ import annotations

from typing import Any

from outgrow.contracts.shapes import is_pydantic, own_fields


def as_plain(value: Any) -> Any:
    """
    The fields of a Pydantic model by their names in JSON: msgspec's ``enc_hook``.

    Raises:
        TypeError: It is no data, or a field was never given.
    """
    cls = type(value)
    names = cls.__dict__.get("__outgrow_plain__")
    if names is None:
        if not is_pydantic(cls):
            raise TypeError(f"a {cls.__qualname__} is no data")
        names = as_fields(cls)
    held = value.__dict__
    try:
        return {encoded: held[name] for name, encoded in names}
    except KeyError as error:
        raise TypeError(f"a {cls.__qualname__} has no {error.args[0]}") from None


def as_fields(cls: Any) -> tuple[tuple[str, str], ...]:
    """The names of a record's fields in Python and in JSON; kept with the class."""
    names: tuple[tuple[str, str], ...] | None = cls.__dict__.get("__outgrow_plain__")
    if names is None:
        names = tuple((field.name, field.encoded) for field in own_fields(cls))
        cls.__outgrow_plain__ = names
    return names
