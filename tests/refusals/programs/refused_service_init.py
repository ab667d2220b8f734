# expected: PaymentsService has an __init__ of its own.
from outgrow import Contract, query, service


class Payments(Contract):
    @query()
    async def total(self) -> int: ...


@service
class PaymentsService(Payments):
    def __init__(self) -> None:
        self.cents = 0

    async def total(self) -> int:
        return self.cents
