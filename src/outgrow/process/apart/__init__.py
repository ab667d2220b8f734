"""
One process of several: how it finds the others, calls them, is called by them, and hears of them.

Floor: house; a room inside process.
Uses: calls, discovery, journal, and of process the seating and the options.
Offers: what such a process does otherwise than one that hosts everything.
"""

from outgrow.process.apart.identifying import ENVIRONMENT, OWN_IDENTITY, PLAINTEXT_TOLD
from outgrow.process.apart.joining import Apart

__all__ = ["ENVIRONMENT", "OWN_IDENTITY", "PLAINTEXT_TOLD", "Apart"]
