"""A service that charges, and refuses some."""

from __future__ import annotations

from outgrow import Store, Transaction, transactional
from outgrow.contracts import Contract, Problem, command

MIGRATION = """
create table charges (name text not null, cents integer not null);
"""


class Declined(Problem, status="failed_precondition"):
    """{cents} are too much for {name}."""

    name: str
    cents: int


class Payments(Contract):
    @command(raises=[Declined])
    async def charge(self, name: str, cents: int) -> int: ...

    @command(raises=[Declined])
    async def refund(self, name: str) -> None: ...


class PaymentsService(Payments):
    """
    Attributes:
        trouble: What methods raise next, by their names.
        did: The effects in their order, also those that were rolled back.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trouble: dict[str, list[Exception]] = {}
        self.did: list[str] = []

    @transactional
    async def charge(self, tx: Transaction, name: str, cents: int) -> int:
        self._begin("charge", name)
        await tx.execute("insert into charges values (:name, :cents)", name=name, cents=cents)
        if cents > 100:
            raise Declined(name=name, cents=cents)
        return cents

    @transactional
    async def refund(self, tx: Transaction, name: str) -> None:
        self._begin("refund", name)
        await tx.execute("delete from charges where name = :name", name=name)

    def _begin(self, method: str, name: str) -> None:
        if errors := self.trouble.get(method):
            raise errors.pop(0)
        self.did.append(f"{method} {name}")
