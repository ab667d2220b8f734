"""The replay itself: what it sends is the data, and it notices what does not agree."""

from collections import Counter
from dataclasses import replace

from demo.account import Account, Totals, disagreements
from demo.client import Reply
from demo.purchases import CATALOGUE, Repeat, Trap, deliveries, plan, read_purchases


def test_every_purchase_is_ordered_once_for_what_was_paid() -> None:
    purchases = read_purchases()
    orders = [order for order in plan(purchases) if order.trap is None]

    assert len(orders) == len(purchases) == 6_919
    assert [order.cents for order in orders] == [purchase.cents for purchase in purchases]
    for purchase in purchases:
        assert sum(purchase.lines.values()) == purchase.pieces
        paid = sum(int(item_id[3:]) * n for item_id, n in purchase.lines.items())
        assert paid == purchase.cents


def test_what_is_delivered_is_what_is_bought_and_the_catalogue() -> None:
    purchases = read_purchases()

    delivered = sum(int(delivery["quantity"]) for delivery in deliveries(purchases))

    bought = sum(purchase.pieces for purchase in purchases)
    assert delivered == bought + sum(pieces for _, pieces in CATALOGUE.values())


def test_a_plan_is_the_same_every_time_and_has_all_kinds_in_it() -> None:
    purchases = read_purchases()[:2_000]
    orders = list(plan(purchases))

    assert orders == list(plan(purchases))
    assert {order.trap for order in orders} == {None, *Trap}
    assert len({order.key for order in orders}) == len(orders)
    repeats = Counter(order.repeat for order in orders)
    assert 0.03 < 1 - repeats[Repeat.NEVER] / len(orders) < 0.07


def test_a_reply_is_the_same_whatever_id_the_request_had() -> None:
    first = Reply(status=404, body={"type": "users.UnknownUser", "correlation_id": "1"})
    second = Reply(status=404, body={"type": "users.UnknownUser", "correlation_id": "2"})
    other = Reply(status=404, body={"type": "stock.UnknownItem", "correlation_id": "1"})

    assert first.says_the_same_as(second)
    assert not first.says_the_same_as(other)
    assert first.problem == "UnknownUser"


def _settled() -> tuple[Account, Totals]:
    """Ada has registered and bought a record, and regretted a second; a tape was unknown."""
    account = Account(
        registered=1,
        delivered=3,
        sent=3,
        accepted=2,
        paid_cents=500,
        cancelled=1,
        carried=1,
    )
    account.refused["UnknownItem"] = account.meant_refused["UnknownItem"] = 1
    totals = Totals(
        users={"registered": 1, "renamed": 0},
        orders={
            "open": 0,
            "confirmed": 1,
            "cancelled": 1,
            "confirmed_cents": 500,
            "confirmed_pieces": 1,
            "known_users": 1,
        },
        stock={"pieces_received": 3, "pieces_on_shelf": 2, "pieces_held": 1, "orders_held": 2},
        ledger={"charges": 2, "refunds": 1, "balance_cents": 500},
        parcels={"waiting": 0, "under_way": 0, "delivered": 1, "stopped": 1},
        letters={
            "welcome": 1,
            "confirmed": 2,
            "cancelled": 1,
            "receipt": 2,
            "refund": 1,
            "sent": 1,
            "doubled": 0,
        },
    )
    return account, totals


def test_sums_that_agree_are_not_spoken_of() -> None:
    account, totals = _settled()

    assert disagreements(account, totals) == []
    assert (totals.events, totals.letters_written) == (11, 8)


def test_every_sum_that_is_one_off_is_named() -> None:
    account, totals = _settled()
    for part in ("users", "orders", "stock", "ledger", "parcels", "letters"):
        sums = getattr(totals, part)
        for name in sums:
            sums[name] += 1
            assert disagreements(account, totals) or name == "renamed", f"{part}.{name}"
            sums[name] -= 1
    for name in (
        "registered",
        "delivered",
        "sent",
        "accepted",
        "paid_cents",
        "cancelled",
        "carried",
    ):
        changed = replace(account, **{name: getattr(account, name) + 1})
        assert disagreements(changed, totals), name
