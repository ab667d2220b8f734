"""
``outgrow event``: what journals hold, who takes it, what is stuck, and who did what.

Floor: doors; a room inside cli.
Uses: of cli the printing; journal, process.
Offers: the commands ``outgrow event ...``.
"""

from outgrow.cli.events.archive import archive, restore, verify
from outgrow.cli.events.consuming import consumers
from outgrow.cli.events.group import event
from outgrow.cli.events.history import history
from outgrow.cli.events.looking import list_, show, timers
from outgrow.cli.events.waiting import drop, parked, replay

__all__ = [
    "archive",
    "consumers",
    "drop",
    "event",
    "history",
    "list_",
    "parked",
    "replay",
    "restore",
    "show",
    "timers",
    "verify",
]
