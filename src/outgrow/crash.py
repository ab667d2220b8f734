"""
Named points at which a test may kill the process; free when off.

A point is one line, ``crash.at("relay.after_fetch")``. It does nothing until a test arms it. Crash
points belong to the process and not to an application, because what they kill is the process.
"""

from __future__ import annotations

import os
import signal

_armed: dict[str, int] = {}
_passed: dict[str, int] | None = None


def at(point: str) -> None:
    """Die here, as if by ``kill -9``, if *point* is armed and it is its turn."""
    if _passed is not None:
        _passed[point] = _passed.get(point, 0) + 1
    if _armed and point in _armed:
        _armed[point] -= 1
        if _armed[point] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, nth: int = 1) -> None:
    """Kill this process when it passes *point* for the *nth* time from now (1 is the next)."""
    _armed[point] = nth


def disarm() -> None:
    """Let every point be free again."""
    _armed.clear()


def count() -> dict[str, int]:
    """Begin to count how often each point is passed, and return the live counts."""
    global _passed  # noqa: PLW0603 - the process is the scope
    if _passed is None:
        _passed = {}
    return _passed
