import os

from differing import shared
from differing.echoes.contract import Echoes
from differing.neighbour.contract import Neighbour
from outgrow import service


@service
class NeighbourService(Neighbour):
    echoes: Echoes

    async def say(self, word: str) -> list[str]:
        shared.seen[:] = [word]
        return await self.echoes.read_seen()

    async def get_pid(self) -> int:
        return os.getpid()
