"""Streams that end first when their process stops, instead of holding it up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import ServiceUnreachable


class _Step:
    """
    One stream, and who waits for an item of it just now.

    Attributes:
        is_ended: Whether it ends instead of giving another item.
    """

    __slots__ = ("_cancelled", "is_ended", "task")

    def __init__(self) -> None:
        self.is_ended = False
        self.task: asyncio.Task[Any] | None = None
        self._cancelled = False

    def end(self) -> None:
        self.is_ended = True
        if self.task is not None and not self._cancelled:
            self._cancelled = True
            self.task.cancel()

    def take_back(self) -> bool:
        """Whether a cancellation of the task was all of it this one's; it is none any more."""
        if not self._cancelled or self.task is None:
            return False
        self._cancelled = False
        return not self.task.uncancel()


class Ending:
    """
    Gives what executes methods, with streams that can be ended all at once.

    For those that nobody waits for in this process: a stream inside of a call that is under way is
    needed until that has ended.
    """

    def __init__(self, bind: Callable[[Method], Invoke]) -> None:
        self._bind = bind
        self._open: set[_Step] = set()
        self._is_over = False

    def bind(self, method: Method) -> Invoke:
        """What executes *method*."""
        invoke = self._bind(method)
        if not method.is_reply_stream:
            return invoke

        def stream(context: Context, *arguments: Any) -> Any:
            return self._stream(method, invoke(context, *arguments))

        return stream

    def end_all(self) -> None:
        """End the streams that are open, and let none begin; their readers are told at once."""
        self._is_over = True
        for step in tuple(self._open):
            step.end()

    async def _stream(self, method: Method, items: Any) -> AsyncGenerator[Any, None]:
        if self._is_over:
            raise _stopping(method, may_have_run=False)
        step = _Step()
        self._open.add(step)
        try:
            while not step.is_ended:
                step.task = asyncio.current_task()
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
                except asyncio.CancelledError as error:
                    if step.take_back():
                        raise _stopping(method) from error
                    raise
                finally:
                    step.take_back()
                    step.task = None
                yield item
            raise _stopping(method)
        finally:
            self._open.discard(step)
            await items.aclose()


def _stopping(method: Method, *, may_have_run: bool = True) -> ServiceUnreachable:
    text = "its process is stopping"
    return ServiceUnreachable(method.full_name, text, may_have_run=may_have_run)
