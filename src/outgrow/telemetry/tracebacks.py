"""Tracebacks as the user needs them: the frames of the user's code, and what it has called."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_FRAMEWORK = str(Path(__file__).parents[1]) + "/"
_PYTHON = sysconfig.get_path("stdlib") + "/"
_WRITTEN_BY_US = ("<door of ", "<client of ")


def format_exception(info: ExceptionInfo) -> str:
    """
    The traceback of *info* without frames of outgrow: the user's code, and what it has called.

    If no frame would be left, all are shown: then outgrow itself is wrong.
    """
    kind, error, frames = info
    if kind is None or error is None:
        return "NoneType: None"
    told = traceback.TracebackException(kind, error, frames, compact=True)
    left = [(one, _useful(one.stack)) for one in _chain(told)]
    if any(stack for _, stack in left):
        for one, stack in left:
            # Without a stack, an exception is shown without the line "Traceback".
            one.stack = traceback.StackSummary.from_list(stack) if stack else None  # type: ignore[assignment]
    return "".join(told.format()).rstrip("\n")


def place_raised(error: BaseException) -> tuple[str, int] | None:
    """The file and line of the user's code that *error* came out of, if it did."""
    frames = _useful(traceback.extract_tb(error.__traceback__))
    own = [f for f in frames if not _is_python(f.filename) and "-packages" not in f.filename]
    return (own[-1].filename, own[-1].lineno or 1) if own else None


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """*told*, what caused it, and what is grouped in it."""
    yield told
    for below in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if below is not None:
            yield from _chain(below)


def _useful(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    """The frames that are neither outgrow's nor Python's own below them."""
    useful, is_ours = [], False
    for frame in stack:
        if not _is_python(frame.filename):
            is_ours = frame.filename.startswith((_FRAMEWORK, *_WRITTEN_BY_US))
        if not is_ours:
            useful.append(frame)
    return useful


def _is_python(filename: str) -> bool:
    return filename.startswith(_PYTHON) and "-packages" not in filename
