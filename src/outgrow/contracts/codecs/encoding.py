"""From typed values to JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from outgrow.contracts.codecs.finite import check_finite
from outgrow.contracts.codecs.misfits import TOO_DEEP, Misfit
from outgrow.contracts.codecs.ordering import lowering, needs_order, order_all
from outgrow.contracts.codecs.plain import as_plain
from outgrow.contracts.codecs.remembering import remembered
from outgrow.contracts.shapes import (
    RecordShape,
    Scalar,
    Shape,
    fields_of,
    parts_of,
    read_shape,
)

Order = Literal["deterministic", "sorted"]

_encoder = msgspec.json.Encoder(enc_hook=as_plain)
_DETERMINISTIC = msgspec.json.Encoder(order="deterministic", enc_hook=as_plain).encode
_SORTED = msgspec.json.Encoder(order="sorted", enc_hook=as_plain).encode


def encode(value: Any) -> bytes:
    """
    The JSON of *value*, of any kind that a contract carries.

    Members of sets stand in no fixed order; an `encoder` knows the type and orders them.

    Raises:
        NotFinite: A number in it is infinite or none.
        TypeError, ValueError: It holds what is no data, or half of a surrogate pair.
    """
    try:
        body = _encoder.encode(value)
    except RecursionError:
        raise Misfit([("", TOO_DEEP)]) from None
    check_finite("", value, body)
    return body


def encode_ordered(value: Any, order: Order = "deterministic") -> bytes:
    """
    The JSON of *value*, equal for equal values, where no type is at hand.

    Raises:
        NotFinite: A number in it is infinite or none.
        TypeError, ValueError: It holds what is no data, or half of a surrogate pair.
    """
    write = _DETERMINISTIC if order == "deterministic" else _SORTED
    try:
        try:
            body = write(value)
        except TypeError:
            body = write(order_all(value))
    except RecursionError:
        raise Misfit([("", TOO_DEEP)]) from None
    check_finite("", value, body)
    return body


def to_builtins(value: Any) -> Any:
    """*value* as JSON would have it, in dictionaries, lists, text, numbers, truth and None."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=as_plain)


@remembered
def encoder(hint: Any, order: Order | None = None, what: str = "") -> Callable[[Any], bytes]:
    """
    What writes values of *hint* as JSON: equal values as equal bytes.

    Args:
        order: Of keys: as a record has its fields and dictionaries sorted (``deterministic``), or
            all sorted (``sorted``). Without it only members of sets are ordered.
        what: The value's name in errors.

    Raises:
        UnknownShape: Contracts cannot carry such a type.
    """
    shape = read_shape(hint)
    lower = lowering(shape, order)
    own_order = order or ("deterministic" if needs_order(shape) else None)
    write = msgspec.json.Encoder(order=own_order, enc_hook=as_plain).encode
    may_be_lost = _holds_numbers(shape, set())

    def encode_typed(value: Any) -> bytes:
        try:
            body = write(value if lower is None else lower(value))
        except (AttributeError, KeyError):
            raise TypeError(f"{what or 'it'} is no {hint}") from None
        except RecursionError:
            raise Misfit([("", f"{what or 'it'}: {TOO_DEEP}")]) from None
        if may_be_lost:
            check_finite(what, value, body)
        return body

    return encode_typed


def _holds_numbers(shape: Shape, seen: set[Any]) -> bool:
    match shape:
        case Scalar(kind="float" | "decimal"):
            return True
        case RecordShape(record=record):
            if record in seen:
                return False
            seen.add(record)
            return any(_holds_numbers(field.shape, seen) for field in fields_of(record))
    return any(_holds_numbers(part, seen) for part in parts_of(shape))
