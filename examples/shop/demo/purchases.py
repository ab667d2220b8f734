"""Real purchases, and what a replay of them asks of the shop."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LIMIT_CENTS = 30_000
"""What a card covers."""

FILE = Path(__file__).parents[1] / "data" / "cdnow_sample.txt"

ALBUM = "signed-album"
ALBUMS = 5
PIANO = "grand-piano"
CATALOGUE = {ALBUM: (2_500, ALBUMS), PIANO: (8_000_000, 1_000)}
"""Items that nobody bought in truth: price in cents, and pieces that are delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """
    Somebody bought something.

    Attributes:
        day: When, as ``YYYYMMDD``.
        customer: The customer's number.
        pieces: How many CDs.
        cents: What all of them cost.
    """

    day: str
    customer: int
    pieces: int
    cents: int

    @property
    def lines(self) -> dict[str, int]:
        """Pieces by item, so that they cost what was paid: an item is a CD of one price."""
        price, rest = divmod(self.cents, self.pieces)
        lines = {f"cd-{price}": self.pieces - rest, f"cd-{price + 1}": rest}
        return {item_id: pieces for item_id, pieces in lines.items() if pieces}


def read_purchases(path: Path = FILE) -> list[Purchase]:
    """All purchases in the file, in the order of their dates."""
    rows = [line.split() for line in path.read_text().splitlines()]
    purchases = [
        Purchase(
            day=day,
            customer=int(customer),
            pieces=int(pieces),
            cents=round(float(dollars) * 100),
        )
        for _, customer, day, pieces, dollars in rows
    ]
    return sorted(purchases, key=lambda purchase: purchase.day)


def deliveries(purchases: Iterable[Purchase]) -> list[dict[str, str | int]]:
    """What must be on the shelf for all *purchases*, as the shop's `Delivery` has it."""
    pieces: Counter[str] = Counter()
    for purchase in purchases:
        pieces.update(purchase.lines)
    items = {item_id: (int(item_id[3:]), count) for item_id, count in pieces.items()}
    return [
        {"item_id": item_id, "price_cents": cents, "quantity": quantity}
        for item_id, (cents, quantity) in (items | CATALOGUE).items()
    ]


class Trap(StrEnum):
    """
    Why an order is meant to be refused, by the name of the problem.

    The first `ALBUMS` orders that find their item not sold out are confirmed.
    """

    UNKNOWN_USER = "UnknownUser"
    UNKNOWN_ITEM = "UnknownItem"
    OVER_THE_LIMIT = "CardRefused"
    SOLD_OUT = "SoldOut"


class Repeat(StrEnum):
    """When a request is sent once more under its key."""

    NEVER = "never"
    AT_ONCE = "at once"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    """
    An order that will be sent.

    Attributes:
        key: Its idempotency key.
        customer: Who orders.
        lines: Pieces by item.
        cents: What it costs; None if nobody knows it, or the shop has no such item.
        trap: Why it is meant not to be confirmed, if so.
        repeat: When it is sent once more.
        is_regretted: Whether the customer cancels it at once.
    """

    key: str
    customer: int
    lines: dict[str, int]
    cents: int | None
    trap: Trap | None = None
    repeat: Repeat = Repeat.NEVER
    is_regretted: bool = False


def plan(purchases: Iterable[Purchase], seed: int = 1) -> Iterator[PlannedOrder]:
    """
    The orders that replay *purchases*, in their order; the same for the same seed.

    About 5 % are repeated on purpose, half of them at once; one in 50 is cancelled by the customer;
    one more in 25 walks into a trap.
    """
    chance = random.Random(seed)  # noqa: S311 - a replay, no secret
    for number, purchase in enumerate(purchases, start=1):
        repeat = chance.choices(list(Repeat), weights=[95, 2.5, 2.5])[0]
        yield PlannedOrder(
            key=f"purchase-{number}",
            customer=purchase.customer,
            lines=purchase.lines,
            cents=purchase.cents,
            repeat=repeat,
            is_regretted=chance.random() < 1 / 50,
        )
        if chance.random() < 1 / 25:
            trap = chance.choice(list(Trap))
            yield _trapped(f"trap-{number}", purchase.customer, trap, repeat)


def _trapped(key: str, customer: int, trap: Trap, repeat: Repeat) -> PlannedOrder:
    item_id = {Trap.UNKNOWN_ITEM: "no-such-item", Trap.OVER_THE_LIMIT: PIANO}.get(trap, ALBUM)
    return PlannedOrder(
        key=key,
        customer=customer,
        lines={item_id: 1},
        cents=CATALOGUE[item_id][0] if item_id in CATALOGUE else None,
        trap=trap,
        repeat=repeat,
    )
