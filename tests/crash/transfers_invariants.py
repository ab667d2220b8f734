"""What must be true of the stores of transfers, read without the framework that wrote them."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.crash.reading import Tables
from tests.crash.transfers import ORDERS, SALARY

module = "tests.crash.transfers"
"""The program whose stores these are."""

services = ("giro", "north", "south", "fees")
Replies = list[tuple[str, Any]]
Books = dict[str, dict[str, list[str]]]
"""By order and service what was done, in the order done."""

TORN = "collect stamp tear refund"
ALLOWED = {
    "giro": ["", "note", "note strike", "note earn"],
    "north": [
        "",
        "block",
        "block unblock",
        "block withdraw",
        "block withdraw give_back",
        "block withdraw give_back unblock",
    ],
    "south": [
        "",
        "deposit",
        "deposit take_back",
        "deposit deposit",
        "deposit deposit take_back",
        "deposit deposit take_back take_back",
    ],
    "fees": ["", "collect", "collect refund", "collect stamp", "collect stamp tear", TORN],
}
"""At any moment: each step once, each undo once and behind its step, the last step's first."""

WHOLE = {
    "giro": "note earn",
    "north": "block withdraw",
    "south": "deposit deposit",
    "fees": "collect stamp",
}
CLEAN = {
    "giro": ["", "note strike"],
    "north": ["", "block unblock", "block withdraw give_back unblock"],
    "south": ["", "deposit take_back", "deposit deposit take_back take_back"],
    "fees": ["", "collect refund", TORN],
}
SAGAS = "select arguments, state, outcome, error from outgrow_saga"


def after_death(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong in what a killed process has left."""
    return [*_whole(tables), *_told(tables, replies)]


def at_the_end(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong once nothing is left to do."""
    return [*_whole(tables), *_told(tables, replies), *_finished(tables, replies)]


def books(tables: Tables) -> Books:
    """What each service wrote down of each order."""
    found: Books = defaultdict(lambda: {service: [] for service in services})
    for service in services:
        for order, what in tables.rows(service, "select order_id, what from entry order by place"):
            found[order][service].append(what)
    return found


def sagas(tables: Tables) -> dict[str, tuple[str, str | None, str | None]]:
    """State, outcome and error of the saga of each order."""
    found = {}
    for arguments, state, outcome, error in tables.rows("giro", SAGAS):
        told = json.loads(arguments)
        found[told.get("body", told)["order"]] = (state, outcome, error)
    return found


def _whole(tables: Tables) -> Iterator[str]:
    """At any moment: nothing is doubled, passed over or undone that is kept."""
    for service in services:
        if (found := tables.check(service)) != "ok":
            yield f"check of {service}: {found}"
    states = {order: state for order, (state, _, _) in sagas(tables).items()}
    for order, book in books(tables).items():
        told = {service: " ".join(what) for service, what in book.items()}
        for service, what in told.items():
            if what not in ALLOWED[service]:
                yield f"{order} in {service}: {what!r} is done twice, or in a wrong order"
        for wrong in _misfits(states.get(order, ""), told):
            yield f"{order}: {wrong}: {told}"


def _misfits(state: str, told: dict[str, str]) -> Iterator[str]:
    """What does not fit together, of what all services and the saga itself say."""
    has_ended, has_earned = state == "completed", "earn" in told["giro"]
    if (has_ended or has_earned) and told != WHOLE:
        yield "completed, and not all is done"
    if state == "undone" and not _is_clean(told):
        yield "undone, and something is left"
    if "strike" in told["giro"] and not _is_clean(told):
        yield "the first step is undone before the others"


def _is_clean(told: dict[str, str]) -> bool:
    return all(what in CLEAN[service] for service, what in told.items())


def _told(tables: Tables, replies: Replies) -> Iterator[str]:
    """What a client was told is written down as it was told, and told to each repeat."""
    kept = {order: _kept(outcome) for order, (_, outcome, _) in sagas(tables).items()}
    for key, reply in replies:
        if kept.get(key) != reply:
            yield f"reply to {key}: {reply}, kept is {kept.get(key)}"


def _kept(outcome: str | None) -> Any:
    if outcome is None:
        return None
    kept = json.loads(outcome)
    if kept["state"] == "aborted":
        return "aborted"
    told = json.loads(kept["text"])
    if kept["state"] == "problem":
        return {told["type"].partition(".")[2]: told["fields"]["account"]}
    return told


def _finished(tables: Tables, replies: Replies) -> Iterator[str]:
    """All ended, as they must; and no money was lost or made."""
    told = dict(replies)
    for order in ORDERS:
        if order.order not in told:
            yield f"not answered: {order.order}"
        elif order.reply not in (None, told[order.order]):
            yield f"reply to {order.order}: {told[order.order]}, expected {order.reply}"
    ended = sagas(tables)
    for name in (*(order.order for order in ORDERS), SALARY):
        state, _, error = ended.get(name, ("not there", None, None))
        if state not in ("completed", "undone"):
            yield f"saga of {name}: {state}, {error}"
    if ended.get(SALARY, ("",))[0] != "completed":
        yield f"saga of {SALARY}: {ended.get(SALARY)}, expected completed"
    for service, name in ((s, n) for s in services for n in ("waiting", "timer")):
        if left := tables.rows(service, f"select * from outgrow_{name}"):
            yield f"{name} in {service}: {left}"
    sums = [tables.number(s, "select coalesce(sum(cents), 0) from entry") for s in services]
    if sum(sums) != 0:
        yield f"money: {dict(zip(services, sums, strict=True))} add up to {sum(sums)}"
