# expected: a secret never leaves its process. Keep it in the service's settings
from outgrow import Secret
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, password: Secret[str]) -> None: ...
