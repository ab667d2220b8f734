"""What a replay did, and whether the shop's own sums agree with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .client import Client


@dataclass(slots=True, kw_only=True)
class Account:
    """
    What was sent and answered, as the client knows it.

    Attributes:
        registered: Customers that have a user.
        delivered: Pieces that were put on the shelf.
        sent: Orders, repeats not counted.
        accepted: Orders that were taken.
        refused: Orders that were answered with a problem, by its name.
        meant_refused: Orders that were meant to be, by the same name.
        cancelled: Orders that were cancelled by the customer in time.
        repeated: Requests of any kind that were sent once more under their key.
        wrong: What went wrong on the way, in words.
        must_be_cancelled: Orders that the shop takes but must cancel in the end.
        latencies: Seconds until an order was answered.
    """

    registered: int = 0
    delivered: int = 0
    sent: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    meant_refused: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)
    must_be_cancelled: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def latency_ms(self, share: float) -> float:
        """The time within which *share* of the orders was answered."""
        ordered = sorted(self.latencies)
        return ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What each service says of itself, field by field as in its contract."""

    users: dict[str, int]
    orders: dict[str, int]
    stock: dict[str, int]
    ledger: dict[str, int]
    letters: dict[str, int]

    @property
    def orders_taken(self) -> int:
        """Orders in any status."""
        return self.orders["open"] + self.orders["confirmed"] + self.orders["cancelled"]

    @property
    def events(self) -> int:
        """Events that were recorded; every one has left its trace in a sum."""
        stock, ledger = self.stock, self.ledger
        return (
            self.users["registered"]
            + self.users["renamed"]
            + self.orders_taken
            + self.orders["confirmed"]
            + self.orders["cancelled"]
            + stock["orders_held"]
            + stock["orders_refused"]
            + ledger["charges"]
            + ledger["refusals"]
            + ledger["refunds"]
        )

    @property
    def letters_written(self) -> int:
        """Letters of any kind."""
        return sum(count for kind, count in self.letters.items() if kind != "doubled")


async def read_totals(client: Client) -> Totals:
    """Ask every service; the answers are not of the same moment."""
    paths = ("/users/totals", "/orders/totals", "/stock/totals", "/ledger", "/letters/totals")
    answers: list[Any] = await asyncio.gather(*(client.get(path) for path in paths))
    users, orders, stock, ledger, letters = answers
    return Totals(users=users, orders=orders, stock=stock, ledger=ledger, letters=letters)


def disagreements(account: Account, totals: Totals) -> list[str]:
    """Which sums do not agree, in words; none once the shop has settled."""
    return [
        f"{name}: {left} is not {right}"
        for name, left, right in _sums(account, totals)
        if left != right
    ] + account.wrong


def _sums(account: Account, totals: Totals) -> Iterator[tuple[str, object, object]]:
    users, orders, stock, ledger = totals.users, totals.orders, totals.stock, totals.ledger
    letters = totals.letters
    refused = account.refused.total()
    yield "orders sent, accepted + refused", account.sent, account.accepted + refused
    yield "refused, meant to be", dict(account.refused), dict(account.meant_refused)
    yield "orders accepted, kept by orders", account.accepted, totals.orders_taken
    yield "orders still open, none", orders["open"], 0
    yield "customers, users", account.registered, users["registered"]
    yield "users, known to orders", users["registered"], orders["known_users"]
    yield "money of confirmed orders, ledger", orders["confirmed_cents"], ledger["balance_cents"]
    yield "confirmed orders, paid", orders["confirmed"], ledger["charges"] - ledger["refunds"]
    yield "pieces delivered, received", account.delivered, stock["pieces_received"]
    on_shelf = stock["pieces_received"] - stock["pieces_held"]
    yield "pieces received - held, on the shelf", on_shelf, stock["pieces_on_shelf"]
    yield "pieces held, confirmed", stock["pieces_held"], orders["confirmed_pieces"]
    yield "letters of welcome, users", letters["welcome"], users["registered"]
    yield "letters of confirmation, orders", letters["confirmed"], orders["confirmed"]
    yield "letters of cancellation, orders", letters["cancelled"], orders["cancelled"]
    yield "receipts, charges", letters["receipt"], ledger["charges"]
    yield "letters of refund, refunds", letters["refund"], ledger["refunds"]
    yield "doubled letters, none", letters["doubled"], 0
