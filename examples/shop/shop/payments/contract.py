"""What payments promises."""

from enum import StrEnum

from outgrow import Contract, Event, Problem, Record, query


class ChargeState(StrEnum):
    """What became of a charge."""

    CHARGED = "charged"
    REFUSED = "refused"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class Charge(Record):
    """What an order cost, and whether it was paid."""

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
    refusals: int
    refunds: int
    balance_cents: int


class Charged(Event, key="order_id"):
    """An order is paid."""

    order_id: str
    user_id: str
    cents: int


class ChargeRefused(Event, key="order_id"):
    """The card does not cover an order."""

    order_id: str
    cents: int


class Refunded(Event, key="order_id"):
    """The money for an order was given back."""

    order_id: str
    cents: int


class UnknownCharge(Problem, status="not_found"):
    """Nothing was ever charged for the order {order_id!r}."""

    order_id: str


class Payments(Contract):
    """Takes money and gives it back."""

    @query("GET /charges/{order_id}", allow="payments:read", raises=[UnknownCharge])
    async def get_charge(self, order_id: str) -> Charge:
        """Look up what was charged for an order."""
        ...

    @query("GET /ledger", allow="payments:read")
    async def get_ledger(self) -> Ledger:
        """Sum up all money."""
        ...
