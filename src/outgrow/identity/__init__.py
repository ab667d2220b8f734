"""
Who a process is, and whom it lets in.

Floor: wires.
Uses: the ground.
Offers: names as certificates have them, and who may call whom. Certificates themselves are in the
room inside.
"""

from outgrow.identity.callers import Callers, callers_of
from outgrow.identity.folder import AUTHORITIES_FILE, CHAIN_FILE, KEY_FILE
from outgrow.identity.names import OUTSIDE, Name, read_name

__all__ = [
    "AUTHORITIES_FILE",
    "CHAIN_FILE",
    "KEY_FILE",
    "OUTSIDE",
    "Callers",
    "Name",
    "callers_of",
    "read_name",
]
