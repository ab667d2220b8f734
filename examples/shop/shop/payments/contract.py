"""What payments promises."""

from enum import StrEnum

from outgrow import Contract, Event, Problem, Record, command, query


class ChargeState(StrEnum):
    """What became of a charge."""

    CHARGED = "charged"
    REFUNDED = "refunded"


class Charge(Record):
    """What was paid for an order, and whether it was given back."""

    order_id: str
    user_id: str
    cents: int
    state: ChargeState


class Ledger(Record):
    """
    Money, summed over everything.

    ``balance_cents`` is what was charged and not refunded.
    """

    charges: int
    refunds: int
    balance_cents: int


class Charged(Event, key="order_id"):
    """An order is paid."""

    order_id: str
    user_id: str
    cents: int


class Refunded(Event, key="order_id"):
    """The money for an order was given back."""

    order_id: str
    cents: int


class UnknownCharge(Problem, status="not_found"):
    """Nothing was ever charged for the order {order_id!r}."""

    order_id: str


class CardRefused(Problem, status="failed_precondition"):
    """The card does not cover {cents} cents."""

    cents: int


class Payments(Contract):
    """Takes money and gives it back."""

    @command(raises=[CardRefused])
    async def charge(self, order_id: str, user_id: str, cents: int) -> None:
        """Take the money for an order."""
        ...

    @command()
    async def refund(self, order_id: str) -> None:
        """Give the money for an order back."""
        ...

    @query("GET /charges/{order_id}", allow="payments:read", raises=[UnknownCharge])
    async def get_charge(self, order_id: str) -> Charge:
        """Look up what was charged for an order."""
        ...

    @query("GET /ledger", allow="payments:read")
    async def get_ledger(self) -> Ledger:
        """Sum up all money."""
        ...
