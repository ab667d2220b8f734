"""What the doctor says."""

from __future__ import annotations

from typing import Literal

import msgspec


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that was looked at.

    Attributes:
        what: Its name, such as ``python`` or ``disk``.
        state: ``ok``; ``warning``: it runs, and something may surprise; ``problem``: something that
            the program needs will not work.
        message: What was seen.
        remedy: What to do about it; empty if it is ok.
    """

    what: str
    state: Literal["ok", "warning", "problem"]
    message: str
    remedy: str = ""


def ok(what: str, message: str) -> Observation:
    """It is as it should be."""
    return Observation(what=what, state="ok", message=message)


def warning(what: str, message: str, remedy: str) -> Observation:
    """It may surprise."""
    return Observation(what=what, state="warning", message=message, remedy=remedy)


def problem(what: str, message: str, remedy: str) -> Observation:
    """It will not work."""
    return Observation(what=what, state="problem", message=message, remedy=remedy)
