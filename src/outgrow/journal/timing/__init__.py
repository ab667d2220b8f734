"""
What is said at a later moment: events and sent commands that wait for their time.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal the messages; the store.
Offers: the book in which units of work write timers, and what fires them when they are due.
"""

from outgrow.journal.timing.book import TOPIC, SetTimer, TimerBook, tell_timers
from outgrow.journal.timing.firing import Timers, TimerStatistics

__all__ = [
    "TOPIC",
    "SetTimer",
    "TimerBook",
    "TimerStatistics",
    "Timers",
    "tell_timers",
]
