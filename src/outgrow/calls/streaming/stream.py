"""What a caller holds of a call whose reply is a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Generic, TypeVar

from outgrow.context import Context, current
from outgrow.errors import CallInTransaction

T = TypeVar("T")


class Stream(Generic[T]):
    """
    The items of one call, in their order. The call begins when the first of them is asked for.

    It ends with its last item, with an error, or when it is closed or dropped: then the other side
    is told, and its generator closed. Whoever leaves ``async for`` early and does not want to wait
    for the garbage collector says ``async with`` around it, or calls `aclose`.
    """

    __slots__ = ("_items", "_method")

    def __init__(self, method: str, items: Any) -> None:
        self._method = method
        self._items = items

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    def __anext__(self) -> Awaitable[T]:
        refuse_in_transaction(self._method, current(None))
        return self._items.__anext__()  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """End the call, if it goes on."""
        await self._items.aclose()

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<stream of {self._method}>"


def refuse_in_transaction(method: str, context: Context | None) -> None:
    """
    Refuse to wait for another service while a transaction is open.

    Raises:
        CallInTransaction: One is.
    """
    if context is None or context.transaction is None:
        return
    if context.transaction.is_running:
        raise CallInTransaction(method)
