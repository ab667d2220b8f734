"""The sagas of all services that a process hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from outgrow.context import Caller
from outgrow.contracts import service_name
from outgrow.journal import Outbox, Replica, store_of
from outgrow.sagas.code import RUNNER, codes_of
from outgrow.sagas.driving.engine import TOPIC, Engine, Send
from outgrow.sagas.driving.keeping import Keeping, check_codes
from outgrow.sagas.driving.standing import standing_of
from outgrow.sagas.standing import Standing
from outgrow.store import Store


class Hosting:
    """
    Runs the sagas of a process's services. Lives as long as its application.

    In the order of its life: `host` each service's object, `open`, then let calls in and `run`;
    `stop` at the end.

    Args:
        send: How steps and queries reach their services.
        on_idle: Called whenever one of them has nothing left to do.
    """

    def __init__(self, send: Send, on_idle: Callable[[], object] = bool) -> None:
        self._send = send
        self._on_idle = on_idle
        self.keepings: dict[str, Keeping] = {}
        self._stores: dict[str, Store] = {}
        self._is_stopping = False

    def host(self, service: Any, outbox: Outbox, replica: Replica) -> None:
        """Run the sagas of *service*, if its class has some; it may have had some before."""
        if not codes_of(type(service)):
            self._stores[service_name(type(service).__module__)] = store_of(service)
            return
        engine = Engine(service, self._send, replica=replica)
        keeping = Keeping(engine, replica, self._on_idle)
        vars(service)[RUNNER] = engine
        self.keepings[engine.name] = keeping
        outbox.watch([TOPIC], keeping.wake)
        replica.watch(keeping.wake)

    async def standing(self, service: str, saga_id: str, caller: Caller) -> Standing | None:
        """How a saga of *service* stands; None if its id says nothing to *caller*."""
        keeping = self.keepings.get(service)
        if keeping is None:
            return None
        engine = keeping.engine
        return await standing_of(engine.store, type(engine.service), saga_id, caller)

    async def open(self, *, is_abandoned: bool = False) -> None:
        """
        See whether the code of all sagas is here that are under way.

        Raises:
            SagaCodeMissing: It is not, and they are not to be abandoned.
        """
        kinds: dict[str, frozenset[tuple[str, int]]] = dict.fromkeys(self._stores, frozenset())
        kinds |= {name: keeping.engine.known.kinds for name, keeping in self.keepings.items()}
        stores = self._stores | {name: k.engine.store for name, k in self.keepings.items()}
        for name, store in stores.items():
            await check_codes(store, kinds[name], is_abandoned=is_abandoned)

    async def run(self) -> None:
        """Work at sagas until `stop`. Those that are under way then are left to the next start."""
        async with asyncio.TaskGroup() as group:
            for keeping in self.keepings.values():
                group.create_task(keeping.run())
        for keeping in self.keepings.values():
            with suppress(Exception):  # They are taken up anyway, a term later.
                await keeping.release()

    def drain(self) -> None:
        """Let callers go whose sagas sleep, wait for something, or are tried again later."""
        for keeping in self.keepings.values():
            keeping.engine.answers.drain()

    def stop(self) -> None:
        """Let `run` end."""
        for keeping in self.keepings.values():
            keeping.stop()

    async def settle(self) -> float | None:
        """
        Wait until no saga is worked at or due.

        Returns:
            Seconds until the earliest retry; None if there is none.
        """
        seconds = [await keeping.settle() for keeping in self.keepings.values()]
        return min((one for one in seconds if one is not None), default=None)

    def activity(self) -> int:
        """A number that grows with whatever is begun or taken up."""
        return sum(sum(k.engine.counted.values()) for k in self.keepings.values())

    async def statistics(self) -> dict[str, dict[str, Any]]:
        """How the sagas of each service are doing, and the limits."""
        return {name: await k.statistics() for name, k in self.keepings.items()}
