"""Records made from their shadows, by their own classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts.codecs.misfits import Misfit
from outgrow.contracts.shapes import Field, is_pydantic

Lift = Callable[[Any], Any]


def record_lift(cls: Any, fields: list[tuple[Field, Lift | None]], fixed: dict[str, Any]) -> Lift:
    """
    What makes a record of *cls* from its shadow, whose fields are ``f0``, ``f1`` and so on.

    It is written out as source, so that a plain field costs one look-up.

    Args:
        fields: Each with what makes its value from the shadow's.
        fixed: Further values, by names.
    """
    names: dict[str, Any] = {"UNSET": msgspec.UNSET, "Misfit": Misfit, "make": maker(cls)}
    names["fixed"] = fixed
    lines = ["def lift(shadow):", "    values = {**fixed}" if fixed else "    values = {}"]
    for n, (field, inner) in enumerate(fields):
        names[f"lift_{n}"] = inner
        value = f"shadow.f{n}"
        body = [f"values[{field.name!r}] = {value if inner is None else f'lift_{n}({value})'}"]
        if inner is not None:
            place = f".{field.encoded}"
            body = ["try:", f"    {body[0]}", "except Misfit as misfit:"]
            body.append(f"    raise misfit.below({place!r}) from misfit.__cause__")
        if not field.is_required:
            body = [f"if {value} is not UNSET:", *(f"    {line}" for line in body)]
        lines += [f"    {line}" for line in body]
    lines.append("    return make(values)")
    exec("\n".join(lines), names)  # noqa: S102 - of a user it holds names of fields only
    return names["lift"]  # type: ignore[no-any-return]


def maker(cls: Any) -> Callable[[dict[str, Any]], Any]:
    """What makes a record of *cls* from its fields by name, whatever they are called in JSON."""
    if is_pydantic(cls):
        validate = cls.model_validate

        def make(values: dict[str, Any]) -> Any:
            try:
                return validate(values, by_name=True, by_alias=False)
            except ValueError as error:
                raise Misfit.of(error) from error

        return make

    def construct(values: dict[str, Any]) -> Any:
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise Misfit.of(error) from error

    return construct


def lift_each(lift: Lift | None, kind: str) -> Lift | None:
    """What makes a collection from the same with shadows in it."""
    if lift is None:
        return None
    collection = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]

    def lift_all(values: Any) -> Any:
        made: list[Any] = []
        add = made.append
        try:
            for value in values:
                add(lift(value))
        except Misfit as misfit:
            raise misfit.below(f"[{len(made)}]") from misfit.__cause__
        return made if collection is list else collection(made)

    return lift_all


def lift_items(lifts: list[Lift | None]) -> Lift | None:
    """What makes a tuple of fixed length from one with shadows in it."""
    if not any(lifts):
        return None

    def lift_all(values: Any) -> Any:
        made: list[Any] = []
        try:
            for lift, value in zip(lifts, values, strict=True):
                made.append(value if lift is None else lift(value))
        except Misfit as misfit:
            raise misfit.below(f"[{len(made)}]") from misfit.__cause__
        return tuple(made)

    return lift_all


def lift_map(lift: Lift | None) -> Lift | None:
    """What makes a dictionary from one with shadows in it."""
    if lift is None:
        return None

    def lift_all(values: dict[Any, Any]) -> Any:
        made: dict[Any, Any] = {}
        key: Any = None
        try:
            for key, value in values.items():
                made[key] = lift(value)
        except Misfit as misfit:
            raise misfit.below(f"[{key!r}]") from misfit.__cause__
        return made

    return lift_all
