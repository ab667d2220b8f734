"""
What goes wrong between services, on purpose and by a seed.

Floor: doors; a room inside testing.
Uses: calls and process.
Offers: faults of calls and of bytes for the worlds, a proxy that knows no protocol, and what a test
says to have them.
"""

from outgrow.testing.faults.calls import Book, Faulty, around, faulty
from outgrow.testing.faults.faults import Faults, Happenings, Scene
from outgrow.testing.faults.local import Local
from outgrow.testing.faults.proxy import Proxies, Proxy
from outgrow.testing.faults.scattered import NATS, Scattered, Standing, tell
from outgrow.testing.faults.wishes import OUTSIDE, Dice, Fault, Throw, Wishes

__all__ = [
    "NATS",
    "OUTSIDE",
    "Book",
    "Dice",
    "Fault",
    "Faults",
    "Faulty",
    "Happenings",
    "Local",
    "Proxies",
    "Proxy",
    "Scattered",
    "Scene",
    "Standing",
    "Throw",
    "Wishes",
    "around",
    "faulty",
    "tell",
]
