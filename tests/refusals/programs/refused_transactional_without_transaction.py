# expected: PaymentsService.charge cannot be given a transaction.
from outgrow import Contract, Store, command, service, transactional


class Payments(Contract):
    @command()
    async def charge(self, cents: int) -> None: ...


@service
class PaymentsService(Payments):
    store: Store

    @transactional
    async def charge(self, cents: int) -> None: ...
