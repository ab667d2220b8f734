# expected: the path of refund has {charge}, which is no single value among its parameters.
from outgrow.contracts import Contract, command


class Payments(Contract):
    @command("POST /charges/{charge}/refund")
    async def refund(self, charge_id: str) -> None: ...
