"""What is said of data that does not fit its type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

TOO_DEEP = "it is nested too deeply"


class Misfit(msgspec.ValidationError):
    """
    Data does not fit its type, or breaks a rule of it.

    Attributes:
        findings: Place and problem of each; a place is a path such as ``.lines[3].cents``, empty
            for the whole value.
    """

    def __init__(self, findings: Iterable[tuple[str, str]]) -> None:
        self.findings = list(findings)
        super().__init__("; ".join(_said(place, problem) for place, problem in self.findings))

    def below(self, place: str) -> Misfit:
        """The same of a value that holds this one at *place*."""
        return Misfit([(place + inner, problem) for inner, problem in self.findings])

    @classmethod
    def of(cls, error: Exception) -> Misfit:
        """What a record's own rules said when it was made."""
        if isinstance(error, Misfit):
            return error
        if _is_pydantics(error):
            return cls([(_path(one["loc"]), str(one["msg"])) for one in error.errors()])  # type: ignore[attr-defined]
        problem = getattr(error, "problem", None)
        place = getattr(error, "place", None)
        if isinstance(problem, str) and isinstance(place, str):
            return cls([(place, problem)])
        return cls([("", str(error) or type(error).__name__)])


def _said(place: str, problem: str) -> str:
    return f"{problem} - at `${place}`" if place else problem


def _is_pydantics(error: Exception) -> bool:
    return type(error).__module__.startswith("pydantic") and hasattr(error, "errors")


def _path(parts: Iterable[Any]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
