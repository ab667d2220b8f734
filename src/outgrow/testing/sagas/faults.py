"""What can go wrong with one call that a saga makes."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from outgrow.contracts import Problem
from outgrow.errors import CallError, ServiceUnreachable
from outgrow.process import Application

Way = Literal["lost", "reply lost", "twice", "never", "done, and never answered"]
"""Of them the last two go on for ever: then the saga is undone, or stuck behind its pivot."""

ONCE: tuple[Way, ...] = ("lost", "reply lost", "twice")
FOR_EVER: tuple[Way, ...] = ("never", "done, and never answered")

Call = Callable[[], Awaitable[Any]]


@dataclass
class Wire:
    """
    Stands between sagas and what their steps call.

    Attributes:
        ways: What happens to a call, by its place among those that were made: each name has
            places of its own, from 0 on, and a repeat of a call has its place.
        made: The names of the calls, in the order in which each was made first.
    """

    ways: dict[str, Way] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    hits: int = 0
    _places: dict[str, str] = field(default_factory=dict)
    _again: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    def install(self, application: Application) -> None:
        """Stand between the sagas of *application* and what they call."""
        for keeping in application.sagas.keepings.values():
            self._install(keeping.engine)

    def _install(self, engine: Any) -> None:
        ask, local = engine.ask, engine.targets.local

        async def ask_over(name: str, context: Any, arguments: str) -> Any:
            if context.key is None:
                return await ask(name, context, arguments)

            async def call() -> Any:
                # It comes from another process, as often as it is sent.
                return await ask(name, copy.copy(context), arguments)

            self._again.append(call)
            return await self._carry(name, context.key, call, is_remote=True)

        def local_over(name: str) -> Any:
            target = local(name)
            if not hasattr(target, "carried"):
                target.carried = True
                run = target.run

                async def run_over(tx: Any, arguments: str) -> Any:
                    key = f"{target.name} {arguments}"
                    return await self._carry(
                        target.name, key, lambda: run(tx, arguments), is_remote=False
                    )

                target.run = run_over
            return target

        engine.ask, engine.targets.local = ask_over, local_over

    async def _carry(self, name: str, key: str, call: Call, *, is_remote: bool) -> Any:
        if key not in self._places:
            self._places[key] = f"{name}#{sum(one.partition('#')[0] == name for one in self.made)}"
            self.made.append(self._places[key])
        place = self._places[key]
        way = self.ways.get(place)
        if way is None:
            return await call()
        self.hits += 1
        if way in ONCE:
            del self.ways[place]
        if way == "twice":
            if is_remote:
                await _quietly(call)
            return await call()
        if way in ("reply lost", "done, and never answered"):
            await _quietly(call)
        raise ServiceUnreachable(name, f"{way}: the test let it fail", may_have_run=True)

    async def deliver_late(self) -> None:
        """Let every call arrive once more, long after its saga has ended."""
        for call in self._again:
            await _quietly(call)


async def _quietly(call: Call) -> None:
    """What came after its undo is refused, which is as it must be."""
    with suppress(Problem, CallError):
        await call()
