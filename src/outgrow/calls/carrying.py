"""What a caller can be given, however it comes to it: declared problems, and finite numbers."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import msgspec

from outgrow.contracts import Problem, decode_problem, encode_problem


def as_declared(problem: Problem, declared: Collection[type[Problem]]) -> Problem:
    """
    What the caller of a method that raises *problem* meets: one of the *declared* classes.

    One of a class below a declared one becomes that, as it does on the wire, and is its cause.

    Raises:
        msgspec.ValidationError: The declared class does not take the fields of the one below it.
    """
    nearest = next(cls for cls in type(problem).__mro__ if cls in declared)
    if type(problem) is nearest:
        return problem
    met = decode_problem(nearest, encode_problem(problem))
    met.__cause__ = problem
    return met


class NotFinite(ValueError):
    """
    A value cannot be kept as JSON, because a float in it is infinite or no number.

    Attributes:
        place: Path to the float below the value, such as ``.weights[3]``; often empty.
        problem: What is wrong with it.
    """

    def __init__(self, what: str, place: str, value: float) -> None:
        self.place = place
        self.problem = f"{value} is no finite number, and JSON has no other"
        super().__init__(f"{what}{place}: {self.problem}.")


def check_finite(what: str, value: Any, encoded: bytes) -> None:
    """
    See that *encoded*, the JSON of *value*, says the same as the value.

    An infinite float would be null there without a word. So only what holds a null is looked at.

    Args:
        what: The value's name in the error.

    Raises:
        NotFinite: A float inside was lost.
    """
    if b"null" not in encoded:
        return
    parts = [("", msgspec.to_builtins(value))]
    while parts:
        place, part = parts.pop()
        if isinstance(part, dict):
            parts += [(f"{place}.{name}", below) for name, below in part.items()]
        elif isinstance(part, list | tuple):
            parts += [(f"{place}[{n}]", below) for n, below in enumerate(part)]
        elif isinstance(part, float) and not math.isfinite(part):
            raise NotFinite(what, place, part)
