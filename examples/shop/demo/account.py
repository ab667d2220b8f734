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
        accepted: Orders that were answered with their id.
        paid_cents: What the accepted ones cost, without those that were cancelled.
        refused: Orders that were answered with a problem, by its name.
        meant_refused: Orders that were meant to be, by the same name.
        cancelled: Orders that were cancelled by the customer in time.
        regretted_late: Orders that the customer could not cancel any more.
        carried: Parcels that the carrier has collected, and delivered.
        repeated: Requests of any kind that were sent once more under their key.
        wrong: What went wrong on the way, in words.
        latencies: Seconds until an order was answered.
    """

    registered: int = 0
    delivered: int = 0
    sent: int = 0
    accepted: int = 0
    paid_cents: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    meant_refused: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    regretted_late: int = 0
    carried: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)
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
    parcels: dict[str, int]
    letters: dict[str, int]

    @property
    def orders_taken(self) -> int:
        """Orders in any status."""
        return self.orders["open"] + self.orders["confirmed"] + self.orders["cancelled"]

    @property
    def collected(self) -> int:
        """Parcels that the carrier has, or has delivered."""
        return self.parcels["under_way"] + self.parcels["delivered"]

    @property
    def events(self) -> int:
        """Events that were recorded; every one has left its trace in a sum."""
        return (
            self.users["registered"]
            + self.users["renamed"]
            + self.orders_taken
            + self.letters["confirmed"]
            + self.orders["cancelled"]
            + self.ledger["charges"]
            + self.ledger["refunds"]
            + self.collected
            + self.parcels["delivered"]
        )

    @property
    def letters_written(self) -> int:
        """Letters of any kind."""
        return sum(count for kind, count in self.letters.items() if kind != "doubled")


async def read_totals(client: Client) -> Totals:
    """Ask every service; the answers are not of the same moment."""
    paths = {
        "users": "/users/totals",
        "orders": "/orders/totals",
        "stock": "/stock/totals",
        "ledger": "/ledger",
        "parcels": "/parcels/totals",
        "letters": "/letters/totals",
    }
    answers: list[Any] = await asyncio.gather(*(client.get(path) for path in paths.values()))
    return Totals(**dict(zip(paths, answers, strict=True)))


def disagreements(account: Account, totals: Totals) -> list[str]:
    """Which sums do not agree, in words; none once the shop has settled."""
    return [
        f"{name}: {left} is not {right}"
        for name, left, right in _sums(account, totals)
        if left != right
    ] + account.wrong


def _sums(account: Account, totals: Totals) -> Iterator[tuple[str, object, object]]:
    yield from _sums_of_orders(account, totals)
    yield from _sums_of_goods(account, totals)
    yield from _sums_of_letters(account, totals)


def _sums_of_orders(account: Account, totals: Totals) -> Iterator[tuple[str, object, object]]:
    users, orders, ledger = totals.users, totals.orders, totals.ledger
    undone = account.refused["SoldOut"] + account.refused["CardRefused"]
    answered = account.accepted + account.refused.total()
    yield "orders sent, accepted + refused", account.sent, answered
    yield "refused, meant to be", dict(account.refused), dict(account.meant_refused)
    yield "orders accepted + undone, kept", account.accepted + undone, totals.orders_taken
    yield "orders still open, none", orders["open"], 0
    kept = account.accepted - account.cancelled
    yield "orders accepted - regretted, confirmed", kept, orders["confirmed"]
    yield "cancelled, undone + regretted", orders["cancelled"], undone + account.cancelled
    yield "customers, users", account.registered, users["registered"]
    yield "users, known to orders", users["registered"], orders["known_users"]
    yield "orders accepted, charges", account.accepted, ledger["charges"]
    yield "orders regretted, refunds", account.cancelled, ledger["refunds"]
    yield "money paid, ledger", account.paid_cents, ledger["balance_cents"]
    yield "money of confirmed orders, ledger", orders["confirmed_cents"], ledger["balance_cents"]


def _sums_of_goods(account: Account, totals: Totals) -> Iterator[tuple[str, object, object]]:
    orders, stock, parcels = totals.orders, totals.stock, totals.parcels
    yield "pieces delivered, received", account.delivered, stock["pieces_received"]
    on_shelf = stock["pieces_received"] - stock["pieces_held"]
    yield "pieces received - held, on the shelf", on_shelf, stock["pieces_on_shelf"]
    yield "pieces held, confirmed", stock["pieces_held"], orders["confirmed_pieces"]
    held = account.accepted + account.refused["CardRefused"]
    yield "orders accepted + not covered, held", held, stock["orders_held"]
    yield "parcels waiting, none", parcels["waiting"], 0
    yield "parcels under way, none", parcels["under_way"], 0
    yield "confirmed orders, parcels", orders["confirmed"], parcels["delivered"]
    yield "orders regretted, parcels stopped", account.cancelled, parcels["stopped"]
    yield "parcels carried, delivered", account.carried, parcels["delivered"]


def _sums_of_letters(account: Account, totals: Totals) -> Iterator[tuple[str, object, object]]:
    letters, ledger = totals.letters, totals.ledger
    yield "letters of welcome, users", letters["welcome"], totals.users["registered"]
    yield "letters of confirmation, orders", letters["confirmed"], account.accepted
    yield "letters of cancellation, orders", letters["cancelled"], totals.orders["cancelled"]
    yield "receipts, charges", letters["receipt"], ledger["charges"]
    yield "letters of refund, refunds", letters["refund"], ledger["refunds"]
    yield "letters of dispatch, parcels", letters["sent"], totals.collected
    yield "doubled letters, none", letters["doubled"], 0
