"""
Checks compiled from the limits of a shape.

A check is a function that is given a value and raises `LimitBroken`. A shape without limits has no
check, so that what has none costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outgrow.contracts.limits import Limit
from outgrow.contracts.shapes import Field, ListOf, MapOf, Maybe, Nothing, Scalar, Shape

Check = Callable[[Any], None]


class LimitBroken(ValueError):
    """
    A value breaks a limit of its type.

    Attributes:
        place: Path to the value below the checked one, such as ``[3]``; often empty.
    """

    def __init__(self, place: str, value: object, limit: Limit) -> None:
        self.place = place
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        self.problem = f"{shown} is not {limit}"
        super().__init__(f"{place}: {self.problem}" if place else self.problem)


def compile_check(shape: Shape) -> Check | None:
    """
    A check of the limits in *shape*, or None if it has none.

    Records inside are passed over: they have checked themselves when they were made.
    """
    match shape:
        case Scalar(limits=limits):
            return _own_check(limits)
        case Maybe(item=item):
            return _optional(compile_check(item))
        case ListOf(item=item, limits=limits):
            return _both(_own_check(limits), _each(compile_check(item), enumerate))
        case MapOf(value=value, limits=limits):
            return _both(_own_check(limits), _each(compile_check(value), dict.items))
        case Nothing():
            return None
    return None


def compile_fields_check(fields: tuple[Field, ...]) -> Check | None:
    """A check of an object's attributes, named and typed by *fields*, or None if it has none."""
    checks = [(f.name, check) for f in fields if (check := compile_check(f.shape))]
    if not checks:
        return None

    def check_fields(value: Any) -> None:
        for name, check in checks:
            try:
                check(getattr(value, name))
            except LimitBroken as broken:
                raise _below(f".{name}", broken) from None

    return check_fields


def _own_check(limits: tuple[Limit, ...]) -> Check | None:
    """One function with all *limits* written out, so that a kept limit costs one comparison."""
    if not limits:
        return None
    names: dict[str, Any] = {"LimitBroken": LimitBroken}
    lines = ["def check(value):"]
    for n, limit in enumerate(limits):
        names[f"limit_{n}"], names[f"constant_{n}"] = limit, limit.constant
        lines.append(f"    if not ({limit.test('value', f'constant_{n}')}):")
        lines.append(f"        raise LimitBroken('', value, limit_{n})")
    exec("\n".join(lines), names)  # noqa: S102 - the source holds no user text
    return names["check"]  # type: ignore[no-any-return]


def _optional(check: Check | None) -> Check | None:
    if check is None:
        return None

    def check_optional(value: Any) -> None:
        if value is not None:
            check(value)

    return check_optional


def _each(check: Check | None, items: Callable[[Any], Any]) -> Check | None:
    if check is None:
        return None

    def check_each(values: Any) -> None:
        for place, value in items(values):
            try:
                check(value)
            except LimitBroken as broken:
                raise _below(f"[{place!r}]", broken) from None

    return check_each


def _both(first: Check | None, second: Check | None) -> Check | None:
    if first is None or second is None:
        return first or second

    def check_both(value: Any) -> None:
        first(value)
        second(value)

    return check_both


def _below(place: str, broken: LimitBroken) -> LimitBroken:
    broken.place = place + broken.place
    broken.args = (f"{broken.place}: {broken.problem}",)
    return broken
