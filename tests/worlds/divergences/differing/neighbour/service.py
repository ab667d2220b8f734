import os
from dataclasses import field

from differing import shared
from differing.echoes.contract import Echoes, Opened
from differing.neighbour.contract import Neighbour
from outgrow import Store, Transaction, on, service


@service
class NeighbourService(Neighbour):
    echoes: Echoes
    store: Store
    heard: set[str] = field(default_factory=set)

    @on(Opened)
    async def hear(self, _: Transaction, event: Opened) -> None:
        self.heard.add(f"now: {type(event).__name__}")

    @on(Opened, since="beginning")
    async def hear_all(self, _: Transaction, event: Opened) -> None:
        self.heard.add(f"beginning: {type(event).__name__}")

    async def get_heard(self) -> list[str]:
        return sorted(self.heard)

    async def say(self, word: str) -> list[str]:
        shared.seen[:] = [word]
        return await self.echoes.read_seen()

    async def get_pid(self) -> int:
        return os.getpid()
