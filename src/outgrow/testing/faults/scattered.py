"""Faults in a world of several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from outgrow.process.control import ask_async
from outgrow.testing.faults.calls import Book, already_wrong
from outgrow.testing.faults.proxy import Proxies, Proxy
from outgrow.testing.faults.wishes import OUTSIDE, Fault, Throw

NATS: Final = "nats"
"""What is between processes and their broker, and the directory in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    One process of the world.

    Attributes:
        process: Its name in the topology, without the number of its replica.
        address: Where its calls come in.
        control: Where it is told what is wrong.
        services: What it hosts.
    """

    process: str
    address: str
    control: Path
    services: Sequence[str]


@dataclass(slots=True)
class Scattered:
    """
    Faults between processes.

    What happens to calls happens in the process that calls. What happens to bytes happens in
    proxies, one for each process that calls and each that is called: so it happens to all services
    of these two processes.

    Attributes:
        standings: The processes by their names, those of replicas too.
        has_proxies: Whether bytes pass through proxies.
        book: What is wrong with what the test itself calls.
        reroutes: By the name of each process, where it really calls each address.
    """

    standings: Mapping[str, Standing] = field(default_factory=dict)
    has_proxies: bool = False
    book: Book = field(default_factory=Book)
    reroutes: dict[str, dict[str, str]] = field(default_factory=dict)
    _proxies: Proxies | None = None
    _between: dict[tuple[str, str], Proxy] = field(default_factory=dict)
    _wrong: set[tuple[str, str]] = field(default_factory=set)

    async def open(self, standings: Mapping[str, Standing], broker: str) -> None:
        """Put proxies between all of *standings*, and before the *broker*, if there are to be."""
        self.standings = standings
        if not self.has_proxies:
            return
        self._proxies = Proxies()
        for caller in (*standings, OUTSIDE):
            self.reroutes[caller] = {}
            for callee, standing in standings.items():
                await self._put(caller, callee, standing.address)
            await self._put(caller, NATS, broker.removeprefix("nats://"))

    async def _put(self, caller: str, callee: str, address: str) -> None:
        assert self._proxies is not None, "opened just now"
        proxy = self._between[caller, callee] = await self._proxies.add(address)
        self.reroutes[caller][address] = proxy.address

    def broker_of(self, caller: str, broker: str) -> str:
        """Where the process *caller* finds the *broker*."""
        address = broker.removeprefix("nats://")
        return f"nats://{self.reroutes.get(caller, {}).get(address, address)}"

    async def close(self) -> None:
        """End the proxies."""
        self._wrong.clear()
        self._between.clear()
        self.reroutes.clear()
        if self._proxies is not None:
            await self._proxies.close()
            self._proxies = None

    def names(self) -> set[str]:
        services = {name for one in self.standings.values() for name in one.services}
        return {*services, OUTSIDE, NATS}

    async def begin(self, caller: str, callee: str, fault: Fault, seed: str) -> None:
        callers, callees = self._processes(caller), self._processes(callee)
        if set(callers) & set(callees):
            message = f"{caller} and {callee} are in one process, so nothing is between them"
            raise ValueError(message)
        if (fault.of_bytes or callee == NATS) and self._proxies is None:
            message = "bytes pass directly here; mark the test with @pytest.mark.faults"
            raise ValueError(message)
        if (caller, callee) in self._wrong:
            raise already_wrong(caller, callee)
        if NATS not in {caller, callee}:
            await self._tell(caller, callee, fault=msgspec.to_builtins(fault.asked), seed=seed)
        for proxy in self._lanes(callers, callees):
            assert self._proxies is not None, "there are proxies"
            await self._proxies.begin(proxy, fault)
        self._wrong.add((caller, callee))

    async def end(self, caller: str, callee: str) -> Sequence[Throw]:
        self._wrong.discard((caller, callee))
        for proxy in self._lanes(self._processes(caller), self._processes(callee)):
            assert self._proxies is not None, "there are proxies"
            await self._proxies.heal(proxy)
        return [] if NATS in {caller, callee} else await self._tell(caller, callee)

    def _processes(self, service: str) -> list[str]:
        """The processes that host *service*."""
        if service in (OUTSIDE, NATS):
            return [service]
        return [name for name, one in self.standings.items() if service in one.services]

    def _lanes(self, callers: Sequence[str], callees: Sequence[str]) -> list[Proxy]:
        found = [self._between.get((one, other)) for one in callers for other in callees]
        return [proxy for proxy in found if proxy is not None]

    async def _tell(self, caller: str, callee: str, **fault: Any) -> list[Throw]:
        """Tell all processes that host *caller*: what is wrong, or that all is well."""
        told = {"caller": caller, "callee": callee, **fault}
        if caller == OUTSIDE:
            return tell(self.book, told)
        throws: list[Throw] = []
        for process in self._processes(caller):
            answer = await ask_async(self.standings[process].control, "faults", **told)
            throws += msgspec.convert(answer["throws"], list[Throw])
        return throws


def tell(book: Book, told: Mapping[str, Any]) -> list[Throw]:
    """Write into *book* what is told of two services; what happened, if all is well again."""
    caller, callee = told["caller"], told["callee"]
    if "fault" in told:
        asked = dict(told["fault"])
        if isinstance(asked.get("latency"), list):
            asked["latency"] = tuple(asked["latency"])
        book.begin(caller, callee, Fault(**asked), told["seed"])
        return []
    return book.end(caller, callee).dice.thrown
