# expected: get_charge and get_receipt are both bound to GET /payments/{charge_id}.
from outgrow.contracts import Contract, query


class Payments(Contract):
    @query("GET /payments/{receipt_id}")
    async def get_receipt(self, receipt_id: str) -> int: ...

    @query("GET /payments/{charge_id}")
    async def get_charge(self, charge_id: str) -> int: ...
