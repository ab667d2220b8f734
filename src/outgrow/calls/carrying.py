"""What a caller can be given, however it comes to it: problems that its contract declares."""

from __future__ import annotations

from collections.abc import Collection

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
