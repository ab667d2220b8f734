"""Everything that may be repeated is repeated: what cannot bear it fails in the test."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from outgrow.calls import Invoke, Transport
from outgrow.context import Context
from outgrow.contracts import Method, Problem, problem_fields
from outgrow.journal import Batch, Source


class RepliesDiffer(AssertionError):
    """A command gave another reply to a repeat under the same key."""


class Repeating:
    """
    A transport that sends every query and idempotent command twice, one after the other.

    The caller gets the first reply. The second must agree with it if the method is a command; a
    query may answer anew. What streams is sent once: a stream may have no end, and what was taken
    from the caller's cannot be given again.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def bind(self, method: Method) -> Invoke:
        """What executes *method* twice."""
        invoke = self._transport.bind(method)
        if method.repeat == "unsafe" or method.is_streaming:
            return invoke

        async def invoke_twice(context: Context, *arguments: Any) -> Any:
            first = await _outcome(invoke, context, arguments)
            second = await _outcome(invoke, context.again(), arguments)
            if method.is_keyed and _comparable(first) != _comparable(second):
                message = (
                    f"{method.full_name}: a repeat under the same key got another reply. "
                    f"First: {first!r}. Then: {second!r}."
                )
                raise RepliesDiffer(message)
            if isinstance(first, BaseException):
                raise first
            return first

        return invoke_twice

    async def close(self) -> None:
        """Close what carries the calls."""
        await self._transport.close()


async def _outcome(invoke: Invoke, context: Context, arguments: tuple[Any, ...]) -> Any:
    """The reply, or the problem that is the reply; a failure is nobody's reply and is raised."""
    try:
        return await invoke(context, *arguments)
    except Problem as problem:
        return problem


def _comparable(outcome: Any) -> Any:
    if isinstance(outcome, Problem):
        return type(outcome), problem_fields(outcome)
    return outcome


class Redelivering:
    """A source that delivers every event twice, one right after the other."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def service(self) -> str:
        """The service whose events these are."""
        return self._source.service

    async def end(self) -> int:
        """The position of the last message."""
        return await self._source.end()

    async def events(self, after: int, types: Collection[str], limit: int) -> Batch:
        """The next events, each of them twice."""
        batch = await self._source.events(after, types, limit)
        twice = [message for message in batch.messages for _ in range(2)]
        return msgspec.structs.replace(batch, messages=twice)

    def watch(self, types: Collection[str], wake: Callable[[], object]) -> None:
        """Call *wake* soon after one of *types* was recorded."""
        self._source.watch(types, wake)
