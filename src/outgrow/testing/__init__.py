"""
The test kit: one test, several worlds.

Floor: doors.
Uses: everything but the command line.
Offers: worlds for tests of whole applications, and stores for tests of single services.
"""

from outgrow.testing.apart import ApartWorld
from outgrow.testing.databases import PostgresServer
from outgrow.testing.repeats import Repeating, RepliesDiffer
from outgrow.testing.stores import temporary_store
from outgrow.testing.world import AsUser, EventsParked, World

__all__ = [
    "ApartWorld",
    "AsUser",
    "EventsParked",
    "PostgresServer",
    "Repeating",
    "RepliesDiffer",
    "World",
    "temporary_store",
]
