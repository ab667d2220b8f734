"""What is compiled once for each type."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def remembered(make: Callable[P, T]) -> Callable[P, T]:
    """*make*, whose answers are kept; for types that have no hash it is asked each time."""
    keep: Any = functools.lru_cache(maxsize=4_096)(make)

    @functools.wraps(make)
    def ask(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            kept: T = keep(*args, **kwargs)
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            return make(*args, **kwargs)
        return kept

    return ask
