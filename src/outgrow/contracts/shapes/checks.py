"""
Checks compiled from the limits of a shape.

A check is a function that is given a value and raises `LimitBroken`. A shape without limits has no
check, so that what has none costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outgrow.contracts.shapes.fields import fields_of, own_fields_of
from outgrow.contracts.shapes.kinds import checks_itself
from outgrow.contracts.shapes.limits import Limit
from outgrow.contracts.shapes.shape import (
    Field,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
)

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


class NestedTooDeeply(LimitBroken):
    """A record holds itself so often that its limits cannot be looked at."""

    def __init__(self) -> None:
        self.place = ""
        self.problem = "it is nested too deeply"
        ValueError.__init__(self, self.problem)


def compile_check(shape: Shape) -> Check | None:
    """
    A check of the limits in *shape*, or None if it has none.

    Records that check themselves when they are made are passed over; others, such as dataclasses
    and what a generic record is bound to, are looked into.
    """
    compiler = _Compiler()
    check = compiler.compile(shape)
    return compiler.guarded(check)


def compile_record_check(cls: Any) -> Check | None:
    """
    What a record of *cls* checks when it is made, or None if it has no limits.

    Of a generic class it is not known what it holds: such fields are left to what decodes it.
    """
    return _Compiler().fields(own_fields_of(cls))


def compile_fields_check(fields: tuple[Field, ...]) -> Check | None:
    """A check of an object's attributes, named and typed by *fields*, or None if it has none."""
    return _Compiler().fields(fields)


class _Compiler:
    """Compiles one check; knows the records on the way, which may hold themselves."""

    def __init__(self) -> None:
        self._records: dict[object, Check | None] = {}
        self._is_recursive = False

    def guarded(self, check: Check | None) -> Check | None:
        """*check*, which refuses what is nested too deeply if that may be."""
        if check is None or not self._is_recursive:
            return check

        def guarded(value: Any) -> None:
            try:
                check(value)
            except RecursionError:
                raise NestedTooDeeply from None

        return guarded

    def compile(self, shape: Shape) -> Check | None:  # noqa: PLR0911 - one shape, one answer
        match shape:
            case Scalar(limits=limits):
                return _own_check(limits)
            case Maybe(item=item):
                return _optional(self.compile(item))
            case ListOf(item=item, limits=limits):
                return _both(_own_check(limits), _each(self.compile(item), enumerate))
            case TupleOf(items=items):
                return _every([self.compile(item) for item in items])
            case MapOf(key=key, value=value, limits=limits):
                inner = _both(
                    _each(self.compile(key), _keys), _each(self.compile(value), dict.items)
                )
                return _both(_own_check(limits), inner)
            case RecordShape() if not checks_itself(shape.cls) or shape.record is not shape.cls:
                return self._record(shape)
            case OneOf(members=members):
                return _by_class({one.cls: self.compile(one) for _, one in members})
        return None

    def fields(self, fields: tuple[Field, ...]) -> Check | None:
        checks = [(f.name, check) for f in fields if (check := self.compile(f.shape)) is not None]
        if not checks:
            return None

        def check_fields(value: Any) -> None:
            for name, check in checks:
                try:
                    check(getattr(value, name))
                except LimitBroken as broken:
                    raise _below(f".{name}", broken) from None

        return check_fields

    def _record(self, shape: RecordShape) -> Check | None:
        if shape.record in self._records:
            self._is_recursive = True
            return self._later(shape.record)
        self._records[shape.record] = None
        self._records[shape.record] = self.fields(fields_of(shape.record))
        return self._records[shape.record]

    def _later(self, record: object) -> Check:
        """The check of a *record* that holds itself, looked up when it is used."""

        def check(value: Any) -> None:
            found = self._records[record]
            if found is not None:
                found(value)

        return check


def _keys(values: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return [(key, key) for key in values]


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


def _every(checks: list[Check | None]) -> Check | None:
    if not any(checks):
        return None

    def check_every(values: Any) -> None:
        for n, (check, value) in enumerate(zip(checks, values, strict=False)):
            if check is not None:
                try:
                    check(value)
                except LimitBroken as broken:
                    raise _below(f"[{n}]", broken) from None

    return check_every


def _by_class(checks: dict[type, Check | None]) -> Check | None:
    if not any(checks.values()):
        return None

    def check_one(value: Any) -> None:
        check = checks.get(type(value))
        if check is not None:
            check(value)

    return check_one


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
