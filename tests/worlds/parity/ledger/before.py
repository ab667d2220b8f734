"""What the ledger recorded in its first years; the classes of that time, in the order of years."""

from outgrow import Event, Record
from parity.ledger.contract import Paid


class First:
    """Events had another name, and money was a number of euros."""

    class CameIn(Event, key="account"):
        """Money came in."""

        account: str
        euros: float


class Price(Record):
    """What money was in the second year."""

    cents: int


class Second:
    """Events had the name of today."""

    class Paid(Event, key="account", schema=2):
        """Money came in."""

        account: str
        price: Price


def paid_in(schema: int, account: str, cents: int) -> Event:
    """The event as it was recorded when its schema had this number."""
    if schema == 1:
        return First.CameIn(account=account, euros=cents / 100)
    if schema == 2:
        return Second.Paid(account=account, price=Price(cents=cents))
    return Paid(account=account, cents=cents)
