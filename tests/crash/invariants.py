"""
What must be true of the stores, read without the framework that wrote them.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.crash.bells import bells_finished, bells_whole
from tests.crash.commands import ACCOUNTS, ANY, CLOSED_ONLY, COMMANDS, PAID
from tests.crash.reading import Row, Tables

Replies = list[tuple[str, Any]]

module = "tests.crash.child"
"""The program whose stores these are."""

services = ("desk", "ledger", "mail")
PAYMENTS = "select account, cents from payments order by account, cents"
PAID_EVENTS = (
    "select key, body from outgrow_journal "
    "where kind = 'event' and type in ('ledger.Paid', 'ledger.CameIn') order by position"
)
"""Under each name that they ever had."""
KEPT_IN_LEDGER = (
    "select count(*) from outgrow_inbox where method = 'ledger.pay' and state = 'reply'"
)
HEARD = "select account, cents from heard order by heard_id"
LETTERS = "select account, text from letters where text <> 'closed' order by account, text"


def after_death(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong in what a killed process has left."""
    return [*_whole(tables), *_told(tables, replies), *_repeats(replies)]


def at_the_end(tables: Tables, replies: Replies) -> list[str]:
    """What is wrong once nothing is left to do."""
    return [
        *_whole(tables),
        *_told(tables, replies),
        *_repeats(replies),
        *_unanswered(replies),
        *_finished(tables),
        *_left_over(tables),
    ]


def paid_events(tables: Tables) -> list[Row]:
    """Account and cents of each payment that was recorded, in each form that they ever had."""
    found = []
    for account, text in tables.rows("ledger", PAID_EVENTS):
        body = json.loads(text)
        if "euros" in body:
            cents = round(body["euros"] * 100)
        else:
            cents = body["price"]["cents"] if "price" in body else body["cents"]
        found.append((account, cents))
    return found


def differ(what: str, seen: Any, expected: Any) -> Iterator[str]:
    """A line, if what was *seen* is not what was *expected*."""
    if seen != expected:
        yield f"{what}: {seen}, expected {expected}"


def _whole(tables: Tables) -> Iterator[str]:
    """At any moment: units are whole, and nobody knows of what its source does not hold."""
    yield from each_whole(tables)
    paid = paid_events(tables)
    heard = tables.rows("mail", HEARD)
    for account in ACCOUNTS:
        recorded, got = of(account, paid), of(account, heard)
        if got != recorded[: len(got)]:
            yield f"heard of {account}: {got} does not begin {recorded}, which was recorded"
    for service in services:
        highwaters = tables.rows(
            service, "select consumer, source, partition, position from outgrow_highwater"
        )
        for consumer, source, partition, position in highwaters:
            at = "select count(*) from outgrow_journal where position = ? and partition = ?"
            if not tables.number(source, at, position, partition):
                yield f"highwater of {consumer}: no event stands at {position} of {source}"
        for consumer, source, position in tables.rows(
            service, "select consumer, source, position from outgrow_cursor"
        ):
            if position > tables.number(
                source, "select coalesce(max(position), 0) from outgrow_journal"
            ):
                yield f"cursor of {consumer}: {position} is behind the end of {source}"


def each_whole(tables: Tables) -> Iterator[str]:
    """In each file alone, and at any point of its log: units of work are there wholly or not."""
    for service in services:
        yield from differ(f"check of {service}", tables.check(service), "ok")
    yield from bells_whole(tables)
    payments = tables.rows("ledger", PAYMENTS)
    recorded = paid_events(tables)
    yield from differ("recorded payments", sorted(recorded), payments)
    yield from differ("replies to payments", tables.number("ledger", KEPT_IN_LEDGER), len(payments))
    for account in ACCOUNTS:
        paid = of(account, recorded)
        if paid != PAID[: len(paid)]:
            yield f"payments of {account}: {paid} does not begin {PAID}"
    closed = "select count(*) from outgrow_journal where type like '%Closed'"
    yield from differ(
        "recorded closings",
        tables.number("ledger", closed),
        tables.number("ledger", "select count(*) from closed"),
    )
    yield from differ(
        "sent letters",
        tables.number("ledger", "select count(*) from outgrow_journal where kind = 'command'"),
        tables.number("ledger", "select count(*) from noted"),
    )
    heard = tables.rows("mail", HEARD)
    written = sorted((account, f"{cents} cents came in") for account, cents in heard)
    yield from differ("letters of what was heard", tables.rows("mail", LETTERS), written)
    told = [json.loads(body)["account"] for (body,) in tables.rows("mail", _LETTER_EVENTS)]
    yield from differ("recorded letters", sorted(told), sorted(account for account, _ in heard))
    yield from differ(
        "replies of the desk to itself",
        tables.number("desk", "select count(*) from outgrow_inbox where method = 'desk.keep'"),
        tables.number("desk", "select count(*) from kept"),
    )


_LETTER_EVENTS = "select body from outgrow_journal where kind = 'event' order by position"


def _told(tables: Tables, replies: Replies) -> Iterator[str]:
    """What a client was told is durable, as it was told."""
    for key, reply in replies:
        rows = tables.rows(
            COMMANDS[key].service,
            "select method, state, reply from outgrow_inbox where key = ?",
            key,
        )
        if len(rows) != 1:
            yield f"reply to {key}: kept {len(rows)} times, expected once"
        elif rows[0][1] == "reply":
            yield from differ(f"kept reply to {key}", json.loads(rows[0][2]), reply)
        elif not isinstance(reply, dict):
            yield f"kept reply to {key}: {rows[0]}, expected {reply}"


def _repeats(replies: Replies) -> Iterator[str]:
    """Every repeat got the first reply, and that was the right one."""
    first: dict[str, Any] = {}
    for key, reply in replies:
        yield from differ(f"repeated reply to {key}", reply, first.setdefault(key, reply))
        if COMMANDS[key].reply is not ANY:
            yield from differ(f"reply to {key}", reply, COMMANDS[key].reply)


def _unanswered(replies: Replies) -> Iterator[str]:
    answered = {key for key, _ in replies}
    yield from differ("not answered", sorted(COMMANDS.keys() - answered), [])


def _finished(tables: Tables) -> Iterator[str]:
    """Everything happened, once, in order."""
    yield from bells_finished(tables, ACCOUNTS)
    payments, heard = paid_events(tables), tables.rows("mail", HEARD)
    for account in ACCOUNTS:
        yield from differ(f"payments of {account}", of(account, payments), PAID)
        yield from differ(f"heard of {account}", of(account, heard), PAID)
    counts = {
        "noted": ("ledger", "select account from noted", 1, True),
        "kept": ("desk", "select account from kept", 1, False),
        "chained": ("mail", "select account from chained", len(PAID), False),
        "sent letters": ("mail", "select account from letters where text = 'closed'", 1, True),
    }
    for name, (service, sql, each, has_closed_only) in counts.items():
        expected = dict.fromkeys(ACCOUNTS, each) | ({CLOSED_ONLY: 1} if has_closed_only else {})
        yield from differ(
            name, dict(Counter(row[0] for row in tables.rows(service, sql))), expected
        )


def _left_over(tables: Tables) -> Iterator[str]:
    """Nothing waits, and every consumer is where its source ends."""
    for service in services:
        waiting = tables.rows(service, "select consumer, key, state, error from outgrow_waiting")
        yield from differ(f"waiting in {service}", waiting, [])
    for service, consumer, source, types in (
        ("mail", "mail.hear", "ledger", ["ledger.CameIn", "ledger.Paid"]),
        ("mail", "mail.chain", "mail", ["mail.LetterWritten"]),
        ("ledger", "ledger.note_closed", "ledger", ["ledger.Closed"]),
    ):
        last = (
            "select partition, max(position) from outgrow_journal "
            f"where type in ({', '.join('?' * len(types))}) group by partition order by partition"
        )
        handled = (
            "select partition, position from outgrow_highwater "
            "where consumer = ? order by partition"
        )
        yield from differ(
            f"highwater of {consumer}",
            tables.rows(service, handled, consumer),
            tables.rows(source, last, *types),
        )


def of(account: str, rows: list[Row]) -> list[int]:
    """The cents of *account*, in the order of *rows*."""
    return [cents for name, cents in rows if name == account]
