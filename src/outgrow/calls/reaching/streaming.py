"""Streams again, while nothing of them was given to the caller or taken from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from outgrow.calls.transport import Invoke
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import ServiceUnreachable

Repeated = Callable[[Invoke], Invoke]
"""Makes what executes an attempt once into what executes it until somebody is reached."""


class _Kept:
    """
    The caller's stream, kept from what fails before it has asked for an item.

    Attributes:
        is_asked: Whether an item was asked for; what is taken cannot be given again.
    """

    __slots__ = ("_items", "is_asked")

    def __init__(self, items: Any) -> None:
        self._items = items
        self.is_asked = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Awaitable[Any]:
        self.is_asked = True
        return self._items.__anext__()  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Close it, unless another attempt could still read it."""
        if self.is_asked:
            await self._items.aclose()

    async def end(self) -> None:
        """Close it in any case."""
        await self._items.aclose()


class _AskedBefore(Exception):
    """An attempt that has asked for items was cut; they would be missing in the next one."""

    def __init__(self, unreachable: ServiceUnreachable) -> None:
        self.unreachable = unreachable
        super().__init__()


def stream_again(method: Method, invoke: Invoke, repeated: Repeated) -> Invoke:
    """What executes a streaming *method*, and begins again by *repeated* if it must and may."""
    attempt = repeated(_guarded(_beginning(invoke) if method.is_reply_stream else invoke))

    async def stream(context: Context, *arguments: Any) -> AsyncGenerator[Any, None]:
        kept, given = _keep(method, arguments)
        items: Any = None
        try:
            first, items = await _begun(attempt, context, kept, given)
            for item in first:
                yield item
                async for later in items:
                    yield later
        finally:
            if items is not None:
                await items.aclose()
            if kept is not None:
                await kept.end()

    async def execute(context: Context, *arguments: Any) -> Any:
        kept, given = _keep(method, arguments)
        try:
            return await _begun(attempt, context, kept, given)
        finally:
            if kept is not None:
                await kept.end()

    made: Any = stream if method.is_reply_stream else execute
    return made  # type: ignore[no-any-return]


def _beginning(invoke: Invoke) -> Invoke:
    """What begins a stream: gives its first item, if it has one, and the rest of it."""

    async def begin(context: Context, *arguments: Any) -> tuple[list[Any], Any]:
        items: Any = invoke(context, *arguments)
        try:
            return [await anext(items)], items
        except StopAsyncIteration:
            return [], items

    return begin


def _guarded(attempt: Invoke) -> Invoke:
    """*attempt*, not made again if it has asked for items; is told what is kept first."""

    async def attempt_unless_asked(context: Context, kept: _Kept | None, *given: Any) -> Any:
        try:
            return await attempt(context, *given)
        except ServiceUnreachable as error:
            if kept is not None and kept.is_asked:
                raise _AskedBefore(error) from error
            raise

    return attempt_unless_asked


async def _begun(
    attempt: Invoke, context: Context, kept: _Kept | None, given: tuple[Any, ...]
) -> Any:
    try:
        return await attempt(context, kept, *given)
    except _AskedBefore as asked:
        raise asked.unreachable from None


def _keep(method: Method, arguments: tuple[Any, ...]) -> tuple[_Kept | None, tuple[Any, ...]]:
    """The caller's stream, if there is one, and the arguments with it kept among them."""
    for n, parameter in enumerate(method.parameters):
        if parameter.is_stream:
            kept = _Kept(arguments[n])
            return kept, (*arguments[:n], kept, *arguments[n + 1 :])
    return None, arguments
