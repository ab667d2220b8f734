# expected: the fields of PaymentsService cannot be made:
from outgrow import Contract, query, service


class Payments(Contract):
    @query()
    async def total(self) -> int: ...


@service
class PaymentsService(Payments):
    seen: dict[str, int] = {}

    async def total(self) -> int:
        return len(self.seen)
