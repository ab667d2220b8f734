"""Work that would stop the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def blocking(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """
    Run *function* in a thread, and wait for what it returns.

    For what cannot be awaited: files, a library that blocks, a long computation. It runs under the
    context of its caller. At most `min(32, processors + 4)` such functions run at once; more wait.

    Cancelled:
        The caller goes on at once; the function cannot be stopped and runs to its end.
    """
    return await asyncio.to_thread(function, *args, **kwargs)
