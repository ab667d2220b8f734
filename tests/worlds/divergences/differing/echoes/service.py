import os
from collections.abc import AsyncIterator

from differing import shared
from differing.echoes.contract import Echoes
from outgrow import service


@service
class EchoesService(Echoes):
    given: int = 0

    async def echo(self, number: int) -> int:
        return number

    async def count(self, text: str) -> int:
        return len(text)

    async def write(self, length: int) -> str:
        return "x" * length

    async def read_own(self) -> str:
        return shared.own.get()

    async def read_seen(self) -> list[str]:
        return list(shared.seen)

    async def fail(self) -> None:
        message = "lost"
        raise KeyError(message)

    async def get_pid(self) -> int:
        return os.getpid()

    async def give(self) -> AsyncIterator[int]:
        while True:
            self.given += 1
            yield self.given

    async def get_given(self) -> int:
        return self.given
