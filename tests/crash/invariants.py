"""
What must be true of the files, read without the framework that wrote them.

The files are copied before they are opened, because opening a killed database repairs it, and that
is for the next life to do.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from tests.crash.commands import ACCOUNTS, ANY, CLOSED_ONLY, COMMANDS, PAID

Replies = list[tuple[str, Any]]
Row = tuple[Any, ...]

SERVICES = ("desk", "ledger", "mail")
PAYMENTS = "select account, cents from payments order by rowid"
PAID_EVENTS = (
    "select key, coalesce(json_extract(body, '$.cents'), json_extract(body, '$.price.cents'), "
    "cast(round(json_extract(body, '$.euros') * 100) as integer)) from outgrow_journal "
    "where kind = 'event' and type in ('ledger.Paid', 'ledger.CameIn') order by position"
)
"""In each form that they ever had."""
KEPT_IN_LEDGER = (
    "select count(*) from outgrow_inbox where method = 'ledger.pay' and state = 'reply'"
)
HEARD = "select account, cents from heard order by heard_id"
LETTERS = "select account, text from letters order by rowid"


class Files:
    """
    Copies of the stores of one state.

    Args:
        state: The folder that the application was given.
        folder: Where the copies go.
        stack: Closes them.
        log_share: How much of each write-ahead log is there, if the machine died as well.
    """

    def __init__(self, state: Path, folder: Path, stack: ExitStack, log_share: float = 1.0) -> None:
        self._raw: dict[str, sqlite3.Connection] = {}
        for service in SERVICES:
            for path in (state / "store").glob(f"{service}.sqlite3*"):
                if not path.name.endswith(("-shm", ".lock")):
                    copy = Path(shutil.copy(path, folder / path.name))
                    if path.name.endswith("-wal"):
                        os.truncate(copy, int(path.stat().st_size * log_share))
            raw = sqlite3.connect(folder / f"{service}.sqlite3")
            self._raw[service] = stack.enter_context(closing(raw))

    def rows(self, service: str, sql: str, *parameters: Any) -> list[Row]:
        """What *sql* gives; nothing if the service died before it had such a table."""
        try:
            return self._raw[service].execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []

    def number(self, service: str, sql: str, *parameters: Any) -> int:
        rows = self.rows(service, sql, *parameters)
        return rows[0][0] if rows else 0


def after_death(state: Path, replies: Replies) -> list[str]:
    """What is wrong in what a killed process has left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outgrow-crash-")))
        files = Files(state, folder, stack)
        return [*_whole(files), *_told(files, replies), *_repeats(replies)]


def at_the_end(state: Path, replies: Replies) -> list[str]:
    """What is wrong once nothing is left to do."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outgrow-crash-")))
        files = Files(state, folder, stack)
        return [
            *_whole(files),
            *_told(files, replies),
            *_repeats(replies),
            *_unanswered(replies),
            *_finished(files),
            *_left_over(files),
        ]


def after_power_loss(state: Path, log_share: float) -> tuple[int, list[str]]:
    """
    How many payments are left of what a killed process wrote, and what is wrong in each file alone.

    Nothing of the logs may have been moved into the files yet, and of each log only its beginning
    was written.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outgrow-crash-")))
        files = Files(state, folder, stack, log_share)
        return len(files.rows("ledger", PAYMENTS)), list(each_whole(files))


def differ(what: str, seen: Any, expected: Any) -> Iterator[str]:
    """A line, if what was *seen* is not what was *expected*."""
    if seen != expected:
        yield f"{what}: {seen}, expected {expected}"


def _whole(files: Files) -> Iterator[str]:
    """At any moment: units are whole, and nobody knows of what its source does not hold."""
    yield from each_whole(files)
    paid = files.rows("ledger", PAID_EVENTS)
    heard = files.rows("mail", HEARD)
    for account in ACCOUNTS:
        recorded, got = of(account, paid), of(account, heard)
        if got != recorded[: len(got)]:
            yield f"heard of {account}: {got} does not begin {recorded}, which was recorded"
    for service in SERVICES:
        highwaters = files.rows(
            service, "select consumer, source, partition, position from outgrow_highwater"
        )
        for consumer, source, partition, position in highwaters:
            at = "select count(*) from outgrow_journal where position = ? and partition = ?"
            if not files.number(source, at, position, partition):
                yield f"highwater of {consumer}: no event stands at {position} of {source}"
        for consumer, source, position in files.rows(
            service, "select consumer, source, position from outgrow_cursor"
        ):
            if position > files.number(
                source, "select coalesce(max(position), 0) from outgrow_journal"
            ):
                yield f"cursor of {consumer}: {position} is behind the end of {source}"


def each_whole(files: Files) -> Iterator[str]:
    """In each file alone, and at any point of its log: units of work are there wholly or not."""
    for service in SERVICES:
        yield from differ(
            f"check of {service}", files.rows(service, "pragma quick_check"), [("ok",)]
        )
    payments = files.rows("ledger", PAYMENTS)
    yield from differ("recorded payments", files.rows("ledger", PAID_EVENTS), payments)
    yield from differ("replies to payments", files.number("ledger", KEPT_IN_LEDGER), len(payments))
    for account in ACCOUNTS:
        paid = of(account, payments)
        if paid != PAID[: len(paid)]:
            yield f"payments of {account}: {paid} does not begin {PAID}"
    closed = "select count(*) from outgrow_journal where type like '%Closed'"
    yield from differ(
        "recorded closings",
        files.number("ledger", closed),
        files.number("ledger", "select count(*) from closed"),
    )
    yield from differ(
        "sent letters",
        files.number("ledger", "select count(*) from outgrow_journal where kind = 'command'"),
        files.number("ledger", "select count(*) from noted"),
    )
    heard = files.rows("mail", HEARD)
    written = [(a, f"{cents} cents came in") for a, cents in heard]
    letters = [row for row in files.rows("mail", LETTERS) if row[1] != "closed"]
    yield from differ("letters of what was heard", letters, written)
    yield from differ(
        "recorded letters",
        [row[0] for row in files.rows("mail", _LETTER_EVENTS)],
        [account for account, _ in heard],
    )
    yield from differ(
        "replies of the desk to itself",
        files.number("desk", "select count(*) from outgrow_inbox where method = 'desk.keep'"),
        files.number("desk", "select count(*) from kept"),
    )


_LETTER_EVENTS = (
    "select json_extract(body, '$.account') from outgrow_journal "
    "where kind = 'event' order by position"
)


def _told(files: Files, replies: Replies) -> Iterator[str]:
    """What a client was told is durable, as it was told."""
    for key, reply in replies:
        rows = files.rows(
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


def _finished(files: Files) -> Iterator[str]:
    """Everything happened, once, in order."""
    payments, heard = files.rows("ledger", PAYMENTS), files.rows("mail", HEARD)
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
        yield from differ(name, dict(Counter(row[0] for row in files.rows(service, sql))), expected)


def _left_over(files: Files) -> Iterator[str]:
    """Nothing waits, and every consumer is where its source ends."""
    for service in SERVICES:
        waiting = files.rows(service, "select consumer, key, state, error from outgrow_waiting")
        yield from differ(f"waiting in {service}", waiting, [])
    for service, consumer, source, types in (
        ("mail", "mail.hear", "ledger", ["ledger.CameIn", "ledger.Paid"]),
        ("mail", "mail.chain", "mail", ["mail.LetterWritten"]),
        ("ledger", "ledger.note_closed", "ledger", ["ledger.Closed"]),
    ):
        last = (
            "select partition, max(position) from outgrow_journal "
            "where type in (select value from json_each(?)) group by 1"
        )
        handled = "select partition, position from outgrow_highwater where consumer = ? order by 1"
        yield from differ(
            f"highwater of {consumer}",
            files.rows(service, handled, consumer),
            files.rows(source, last, json.dumps(types)),
        )


def of(account: str, rows: list[Row]) -> list[int]:
    """The cents of *account*, in the order of *rows*."""
    return [cents for name, cents in rows if name == account]
