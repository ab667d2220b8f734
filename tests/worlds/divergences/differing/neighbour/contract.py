from outgrow import Contract, query


class Neighbour(Contract):
    """Lives beside Echoes, or elsewhere."""

    @query()
    async def say(self, word: str) -> list[str]: ...

    @query()
    async def get_pid(self) -> int: ...
