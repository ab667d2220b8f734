"""What must be true of timers: each is set with its state, and moves into the journal once."""

from collections.abc import Iterator

from tests.crash.reading import Tables

BELLS = [0.5, 0.25, 1.0]
"""The timers that are set for each account, in this order; a command is sent with the last."""

_RANG = "select count(*) from outgrow_journal where type = 'desk.Rang'"
_SENT = "select count(*) from outgrow_journal where kind = 'command'"
_COMMANDS = "select count(*) from outgrow_inbox where method = 'desk.set_bells'"
_TIMERS = "select count(*) from outgrow_timer where kind = ?"


def bells_whole(tables: Tables) -> Iterator[str]:
    """At any moment: what was set is a timer or a row of the journal, and never both."""
    set_bells = tables.number("desk", "select count(*) from bells")
    commands = tables.number("desk", _COMMANDS)
    for what, expected, moved, kind in (
        ("bells", set_bells, _RANG, "event"),
        ("rings that were sent", commands, _SENT, "command"),
    ):
        seen = tables.number("desk", moved) + tables.number("desk", _TIMERS, kind)
        if seen != expected:
            yield f"{what}: {seen} in the journal and the timers, expected {expected}"
    if set_bells != commands * len(BELLS):
        yield f"bells: {set_bells} of {commands} commands, expected {len(BELLS)} of each"


def bells_finished(tables: Tables, accounts: tuple[str, ...]) -> Iterator[str]:
    """Each rang once, in the order in which they were due, and nothing is left."""
    rung = tables.rows("desk", "select account, seconds from rung order by number")
    rings = tables.rows("ledger", "select account from rings order by account")
    for account in accounts:
        heard = [seconds for name, seconds in rung if name == account]
        if heard != sorted(BELLS):
            yield f"bells of {account}: {heard}, expected {sorted(BELLS)}"
    if [name for (name,) in rings] != sorted(accounts):
        yield f"rings: {rings}, expected one of each of {accounts}"
    if left := tables.rows("desk", "select id from outgrow_timer"):
        yield f"timers: {left} are left, expected none"
