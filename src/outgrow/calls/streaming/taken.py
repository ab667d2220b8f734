"""A stream that is a parameter: what the caller gives, and what the callee takes of it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from outgrow.calls.streaming.steps import closing, step_inside
from outgrow.contracts import LimitBroken, Method
from outgrow.errors import ArgumentsRefused
from outgrow.telemetry import Meter

_log = logging.getLogger("outgrow.calls")


class Given:
    """
    The caller's own iterator, on its way to a transport.

    Whoever asks for an item, it is made in the context of the caller, as it was when it called.
    """

    __slots__ = ("_check", "_items", "_method", "_name", "_run", "asked")

    def __init__(
        self, method: Method, name: str, items: Any, check: Callable[[Any], None] | None
    ) -> None:
        """
        Give *items* as the parameter *name*.

        Args:
            check: Sees to the limits of each item.

        Raises:
            ArgumentsRefused: They are no asynchronous iterator.
        """
        if not hasattr(type(items), "__aiter__"):
            text = f"a {type(items).__qualname__} is no asynchronous iterator"
            raise ArgumentsRefused(method.full_name, [(name, text)])
        self._method = method
        self._name = name
        self._items = aiter(items)
        self._check = check
        self._run = contextvars.copy_context().run
        self.asked = 0

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        place = self.asked
        self.asked += 1
        item = await step_inside(self._run, self._items.__anext__())
        if self._check is not None:
            try:
                self._check(item)
            except LimitBroken as broken:
                finding = (self._name + broken.place, broken.problem)
                raise refused_item(self._method, self._name, place, [finding]) from None
        return item

    async def aclose(self) -> None:
        """Close the caller's iterator; what goes wrong meanwhile is logged."""
        step = closing(self._items)
        if step is None:
            return
        try:
            await step_inside(self._run, step)
        except Exception:  # noqa: BLE001 - nobody is there to be told
            _log.exception("%s: the stream that it was given could not be closed", self._method)


def refused_item(
    method: Method, name: str, place: int, findings: list[tuple[str, str]]
) -> ArgumentsRefused:
    """What a caller meets that gives an item which does not fit; the items before it have gone."""
    item = f"{name}[{place}]"
    told = [
        (item + where.removeprefix(name) if where.startswith(name) else item, text)
        for where, text in findings
    ]
    refused = ArgumentsRefused(method.full_name, told)
    refused.may_have_run = True
    return refused


class Taken:
    """
    The caller's stream as the callee reads it.

    If the caller's side of it fails, that is not the callee's to know: its execution is cancelled,
    and the caller meets its own error.

    Attributes:
        failure: What went wrong at the caller's side.
        task: The one that executes the callee; it is cancelled if another one was reading.
    """

    __slots__ = ("_cancelled", "_is_over", "_items", "_meter", "_method", "failure", "task")

    def __init__(self, method: Method, items: Any, meter: Meter) -> None:
        self._method = method
        self._items = items
        self._meter = meter
        self._cancelled = 0
        self._is_over = ""
        self.failure: BaseException | None = None
        self.task: asyncio.Task[Any] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self.failure is not None:
            raise asyncio.CancelledError
        if self._is_over:
            raise RuntimeError(f"{self._method.full_name}: {self._is_over}")
        try:
            item = await self._items.__anext__()
        except StopAsyncIteration:
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                # The caller's iterator has met it too, and cannot go on.
                self._is_over = "its stream cannot be read on, since a reading was cancelled"
                raise
            self._fail(error, task)
            raise asyncio.CancelledError from error
        self._meter.items += 1
        return item

    def _fail(self, error: BaseException, task: asyncio.Task[Any] | None) -> None:
        self.failure = error
        if self.task is not None and self.task is not task:
            self._cancelled += 1
            self.task.cancel()

    def take_back(self) -> None:
        """Take back what was cancelled here, once the step or the execution has ended."""
        if self.task is not None:
            for _ in range(self._cancelled):
                self.task.uncancel()
        self._cancelled = 0

    async def close(self) -> None:
        """Let the caller's side end; nothing is taken any more."""
        self._is_over = "the call has ended, and its stream cannot be read any more"
        step = closing(self._items)
        if step is not None:
            await step
