"""
The test kit: one test, several worlds.

Floor: doors.
Uses: everything but the command line.
Offers: worlds for tests of whole applications, and stores for tests of single services.
"""

from outgrow.testing.repeats import Repeating, RepliesDiffer
from outgrow.testing.stores import temporary_store
from outgrow.testing.world import AsUser, World, start_world

__all__ = ["AsUser", "Repeating", "RepliesDiffer", "World", "start_world", "temporary_store"]
