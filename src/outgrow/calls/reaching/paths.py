"""One method at one endpoint, and the calls of it that wait there."""

from __future__ import annotations

import asyncio
from typing import Any

from outgrow.calls.reaching.peers import Durations, Peer
from outgrow.calls.transport import Invoke
from outgrow.contracts import Method


class Moved(Exception):
    """A call was taken away from an endpoint that is not heard of; it may have run there."""

    def __init__(self, waited_seconds: float) -> None:
        self.waited_seconds = waited_seconds
        super().__init__()


class Path:
    """
    One method at one endpoint.

    Attributes:
        invoke: What executes the method there.
        waiting: When the calls that wait for a reply began, by their tasks. A task waits for one
            call at a time, so nothing needs to be made for each call.
        cancelled: How often those of these tasks were cancelled before their calls began that were.
            Whoever cancels one later cancels its call, which is not made elsewhere then.
    """

    __slots__ = (
        "_fixed",
        "_is_query",
        "_is_repeatable",
        "_moved",
        "cancelled",
        "durations",
        "invoke",
        "peer",
        "waiting",
    )

    def __init__(self, method: Method, peer: Peer, durations: Durations, invoke: Invoke) -> None:
        self.peer = peer
        self.durations = durations
        self.invoke = invoke
        self.waiting: dict[asyncio.Task[Any] | None, float] = {}
        self.cancelled: dict[asyncio.Task[Any] | None, int] = {}
        self._is_repeatable = method.repeat != "unsafe" and not method.is_streaming
        self._is_query = method.kind == "query"
        self._fixed: set[asyncio.Task[Any] | None] = set()
        self._moved: dict[asyncio.Task[Any] | None, float] = {}

    def fix(self, task: asyncio.Task[Any] | None) -> None:
        """Let the call of *task* stay here, whatever happens: it has been everywhere else."""
        self._fixed.add(task)

    def unfix(self, task: asyncio.Task[Any] | None) -> None:
        """The call of *task* has ended."""
        self._fixed.discard(task)

    def may_move(self, task: asyncio.Task[Any]) -> bool:
        """
        Whether the call of *task* may be made elsewhere instead.

        A key holds a command's effects together only in stores. So a mere guess at how long one
        takes is no reason to begin it at several replicas, none of which has failed.
        """
        if not self._is_repeatable or task in self._fixed or task in self._moved:
            return False
        if not self._is_query and not self.durations.usual:
            return False
        return task.cancelling() <= self.cancelled.get(task, 0)

    def move(self, task: asyncio.Task[Any], now: float) -> None:
        """End the call of *task* here, so that it is made elsewhere."""
        self._moved[task] = now - self.waiting[task]
        task.cancel()

    def was_moved(self, task: asyncio.Task[Any] | None) -> Moved | None:
        """
        What the call of *task* meets, if it was moved and nobody else has cancelled the task.

        Takes the cancellation back.
        """
        waited_seconds = self._moved.pop(task, None) if self._moved else None
        if waited_seconds is None or task is None:
            return None
        is_by_us = task.uncancel() <= self.cancelled.get(task, 0)
        return Moved(waited_seconds) if is_by_us else None
