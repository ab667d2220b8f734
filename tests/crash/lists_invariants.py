"""What must be true of the stores of lists, read without the framework that wrote them."""

import json
from collections.abc import Iterator
from typing import Any

from tests.crash.lists import APPENDS, LATER, NAMES, TIMERS, commands, values_of
from tests.crash.reading import Tables
from tests.faults.history import check_delivery
from tests.faults.lists.copies.service import CONFIRMED_EVERY

module = "tests.crash.lists"
"""The program whose stores these are."""

services = ("source", "copies")
Replies = list[tuple[str, Any]]
Lists = dict[str, list[int]]

EVENTS = "select body from outgrow_journal where kind = 'event' order by position"
COMMANDS = "select body from outgrow_journal where kind = 'command' order by position"


def after_death(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong in what a killed process has left."""
    return [*_whole(tables, is_finished=False), *_told(tables, replies)]


def at_the_end(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong once nothing is left to do."""
    return [*_whole(tables, is_finished=True), *_told(tables, replies), *_finished(tables, replies)]


def _whole(tables: Tables, *, is_finished: bool) -> Iterator[str]:
    for service in services:
        if (found := tables.check(service)) != "ok":
            yield f"check of {service}: {found}"
    recorded = recorded_lists(tables)
    for service, table in (("source", "noted"), ("copies", "copied")):
        handled = lists_in(tables, service, table)
        for anomaly in check_delivery(recorded, handled, is_finished=is_finished):
            yield f"{table}: {anomaly}"
    now = {name: values for name, values in recorded.items() if name not in LATER}
    if (items := lists_in(tables, "source", "item")) != now:
        yield f"item: {items}, recorded {now}"
    for name, values in recorded.items():
        if len(set(values)) != len(values):
            yield f"recorded of {name}: {values} holds something twice"
    copied = lists_in(tables, "copies", "copied")
    to_confirm = {
        n: [v for v in values if v % CONFIRMED_EVERY == 0] for n, values in copied.items()
    }
    sent = [json.loads(body) for (body,) in tables.rows("copies", COMMANDS)]
    yield from _same("sent", by_name((one["name"], one["value"]) for one in sent), to_confirm)
    if is_finished:
        confirmed = lists_in(tables, "source", "confirmed")
        yield from _same("confirmed", confirmed, to_confirm)


def _same(what: str, found: Lists, expected: Lists) -> Iterator[str]:
    """Equal, in whatever order; of lists that are empty nothing is said."""
    for name in {**found, **expected}:
        if sorted(found.get(name, [])) != sorted(expected.get(name, [])):
            yield f"{what} of {name}: {found.get(name)}, expected {expected.get(name)}"


def _told(tables: Tables, replies: Replies) -> Iterator[str]:
    kept = {key for (key,) in tables.rows("source", "select key from outgrow_inbox")}
    for key, _ in replies:
        if key not in kept:
            yield f"reply to {key}: kept 0 times, expected once"


def _finished(tables: Tables, replies: Replies) -> Iterator[str]:
    asked = {key for name in (*NAMES, *LATER) for key, _, _ in commands(name)}
    if missing := sorted(asked - {key for key, _ in replies}):
        yield f"not answered: {missing}"
    whole = [value for n in range(APPENDS) for value in values_of(n)]
    recorded = recorded_lists(tables)
    for name in NAMES:
        if recorded.get(name) != whole:
            yield f"recorded of {name}: {recorded.get(name)}, expected {whole}"
    for name in LATER:
        if sorted(recorded.get(name, [])) != list(range(TIMERS)):
            yield f"said later of {name}: {recorded.get(name)}, expected {list(range(TIMERS))}"
    if waiting := tables.rows("copies", "select consumer, key, state, error from outgrow_waiting"):
        yield f"waiting in copies: {waiting}"
    if timers := tables.rows("source", "select id, due_at from outgrow_timer"):
        yield f"timers that are left: {timers}"


def recorded_lists(tables: Tables) -> Lists:
    """What the journal of the source holds, by list, in its order."""
    bodies = [json.loads(body) for (body,) in tables.rows("source", EVENTS)]
    return by_name((body["name"], body["value"]) for body in bodies)


def lists_in(tables: Tables, service: str, table: str) -> Lists:
    """What a table holds, by list, in the order inserted."""
    return by_name(tables.rows(service, f"select name, value from {table} order by place"))


def by_name(pairs: Any) -> Lists:
    found: Lists = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
