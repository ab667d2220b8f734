"""What a test says about what goes wrong, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, Unpack

from outgrow.testing.faults.scattered import NATS
from outgrow.testing.faults.wishes import OUTSIDE, Fault, Throw, Wishes


class Scene(Protocol):
    """The world in which faults happen."""

    def names(self) -> set[str]:
        """What a fault can be between: services, and what they all need."""

    async def begin(self, caller: str, callee: str, fault: Fault, seed: str) -> None:
        """Let *fault* happen from now on to what *caller* asks of *callee*."""

    async def end(self, caller: str, callee: str) -> Sequence[Throw]:
        """Let all be well again; what happened to each call meanwhile."""


class Happenings:
    """
    What happened to the calls of one block, known at its end.

    Attributes:
        throws: What happened to each call, in their order.
    """

    def __init__(self) -> None:
        self.throws: list[Throw] = []


class Faults:
    """
    Lets things go wrong between two services, in every world and by a seed.

    The same seed gives the same faults, call by call. At the end of a block all is well again: what
    was held goes on, and what was lost is lost.
    """

    def __init__(self, scene: Scene, seed: int = 0) -> None:
        self._scene = scene
        self._seed = seed

    def __call__(self, *, seed: int) -> Faults:
        """The same with another *seed*."""
        return Faults(self._scene, seed)

    @asynccontextmanager
    async def between(
        self, caller: str, callee: str, **wishes: Unpack[Wishes]
    ) -> AsyncIterator[Happenings]:
        """
        Let what is wished for happen to the calls of *caller* to *callee*, until the block ends.

        Args:
            caller: A service, or ``outside`` for what the test itself calls.
            callee: The service that it calls.
            wishes: What goes wrong: see `Fault`.

        Raises:
            ValueError: One of them is not there, or something is wrong between them already.
            TypeError: Nothing that can be wished for is called so.
        """
        unknown = sorted(wishes.keys() - Wishes.__annotations__.keys())
        if unknown:
            known = ", ".join(Wishes.__annotations__)
            message = f"{unknown[0]!r} is nothing that can go wrong. What can: {known}"
            raise TypeError(message)
        happenings, fault = Happenings(), Fault(**wishes)
        self._see(caller, callee)
        await self._scene.begin(caller, callee, fault, f"{self._seed}/{caller}/{callee}")
        try:
            yield happenings
        finally:
            happenings.throws += await self._scene.end(caller, callee)

    @asynccontextmanager
    async def partition(self, one: str, other: str) -> AsyncIterator[None]:
        """
        Let nothing pass between *one* and *other*, in either direction, until the block ends.

        Args:
            one: A service, or ``outside``.
            other: Another one; apart also ``nats``: the broker, and the directory in it.

        Raises:
            ValueError: One of them is not there, or something is wrong between them already.
        """
        async with AsyncExitStack() as stack:
            for caller, callee in ((one, other), (other, one)):
                if caller != NATS and callee != OUTSIDE:  # One only calls, the other is called.
                    lane = self.between(caller, callee, black_hole=True)
                    await stack.enter_async_context(lane)
            yield

    def _see(self, *named: str) -> None:
        known = self._scene.names()
        for name in named:
            if name not in known:
                message = f"{name!r} is not in this application: {', '.join(sorted(known))}"
                raise ValueError(message)
