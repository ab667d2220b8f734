"""
Single steps of an asynchronous iterator, each run inside of a `contextvars.Context` of its own.

A generator has no context of its own: it runs in that of whoever asks for its next item. So the
callee's generator would run in the caller's, and what it sets there would stay.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")


@types.coroutine
def step_inside(run: Callable[..., Any], step: Awaitable[T]) -> Generator[Any, Any, T]:
    """
    The result of *step*, which is awaited by the running task, and runs in another context.

    Args:
        run: ``contextvars.Context.run`` of that context, which nothing else is inside of.
    """
    # What asynchronous generators give can be sent to; of others the protocol asks for less.
    steps: Any = step if hasattr(step, "send") else _awaited(step)
    try:
        waited = run(steps.send, None)
        while True:
            try:
                sent = yield waited
            except GeneratorExit:
                run(steps.close)
                raise
            except BaseException as error:  # noqa: BLE001 - passed on as it came
                waited = run(steps.throw, error)
            else:
                waited = run(steps.send, sent)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def _awaited(step: Awaitable[T]) -> T:
    return await step


def closing(items: Any) -> Awaitable[None] | None:
    """What closes *items*; None if there is nothing to close, as with plain iterators."""
    aclose = getattr(items, "aclose", None)
    return None if aclose is None else aclose()
