"""What msgspec is told of values that it does not know."""

from __future__ import annotations

from typing import Any

from outgrow.contracts.shapes import fields_of, is_pydantic


def as_plain(value: Any) -> Any:
    """
    The fields of a Pydantic model by their names in JSON: msgspec's ``enc_hook``.

    Raises:
        NotImplementedError: It is no data.
    """
    cls = type(value)
    names = cls.__dict__.get("__outgrow_plain__")
    if names is None:
        if not is_pydantic(cls):
            raise NotImplementedError(f"a {cls.__qualname__} is no data")
        names = tuple((field.name, field.encoded) for field in fields_of(cls))
        cls.__outgrow_plain__ = names
    held = value.__dict__
    return {encoded: held[name] for name, encoded in names}
