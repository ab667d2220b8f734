"""From JSON, or from plain data, to typed values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts.codecs.arriving import arriving_check
from outgrow.contracts.codecs.doubles import compile_doubles, refuse_duplicates
from outgrow.contracts.codecs.misfits import TOO_DEEP, Misfit
from outgrow.contracts.codecs.plans import Plan, is_native, plan_of
from outgrow.contracts.codecs.remembering import remembered
from outgrow.contracts.shapes import LimitBroken, Shape, read_shape

Decode = Callable[[bytes | str], Any]


@remembered
def decoder(hint: Any) -> Decode:
    """
    What reads the JSON of values of *hint*, written by this application itself.

    It checks types, and what records check when they are made. Its errors are
    `msgspec.DecodeError` and, below it, `msgspec.ValidationError`.

    Raises:
        UnknownShape: Contracts cannot carry such a type.
    """
    plan = _plan(hint)
    read, lift = msgspec.json.Decoder(plan.type).decode, plan.lift
    return _guarded(read if lift is None else lambda body: lift(read(body)))


@remembered
def strict_decoder(hint: Any) -> Decode:
    """
    A `decoder` that refuses values which not every wire carries, and broken limits too.

    Such are whole numbers over 64 bits, times without a zone and decimals without a value.
    """
    decode, check = decoder(hint), arriving_check(read_shape(hint))
    if check is None:
        return decode

    def decode_strictly(body: bytes | str) -> Any:
        value = decode(body)
        try:
            check(value, body)
        except LimitBroken as error:
            raise Misfit.of(error) from error
        except RecursionError:
            raise Misfit([("", TOO_DEEP)]) from None
        return value

    return decode_strictly


@remembered
def foreign_decoder(hint: Any, also: Callable[[Any], object] | None = None) -> Decode:
    """
    A `strict_decoder` for what comes from outside: it refuses keys and members of sets given twice.

    Args:
        also: Is given the value without types, as `refuse_duplicates` returns it, before it is
            decoded; raises what it finds.
    """
    decode, doubles = strict_decoder(hint), compile_doubles(read_shape(hint))

    def decode_foreign(body: bytes | str) -> Any:
        raw = refuse_duplicates(body)
        if also is not None:
            also(raw)
        value = decode(body)
        if doubles is not None:
            doubles(value, raw)
        return value

    return decode_foreign


def convert(value: Any, hint: Any, *, strict: bool = True) -> Any:
    """
    Plain data, such as decoded JSON or a row, as a value of *hint*.

    Args:
        strict: Whether text stays text; else it is read as what the hint says, as in a URL.

    Raises:
        msgspec.ValidationError: It does not fit.
    """
    return converter(hint, strict=strict)(value)


@remembered
def converter(hint: Any, *, strict: bool = True) -> Callable[[Any], Any]:
    """What does the same as `convert` for many values of *hint*."""
    plan = _plan(hint)

    def read(given: Any) -> Any:
        converted = msgspec.convert(given, plan.type, strict=strict, str_keys=True)
        return converted if plan.lift is None else plan.lift(converted)

    return _guarded(read)


@remembered
def _plan(hint: Any) -> Plan:
    shape: Shape = read_shape(hint)
    return Plan(hint, None) if is_native(shape) else plan_of(shape)


def _guarded(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """*read* whose errors are all of msgspec's kinds, whatever it is given."""

    def guarded(body: Any) -> Any:
        try:
            return read(body)
        except RecursionError:
            raise Misfit([("", TOO_DEEP)]) from None
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(f"it is no UTF-8: {error}") from None
        except LimitBroken as error:
            raise Misfit.of(error) from error
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            raise Misfit([("", f"no set can hold that: {error}")]) from error

    return guarded
