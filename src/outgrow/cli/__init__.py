"""
The terminal: one file per command, which parses, calls a room, and prints.

Floor: doors.
Uses: everything but testing.
Offers: the program ``outgrow``.

Exit codes: 0 done; 1 it could not start here and now (a port or store is taken or refused) or
something failed while it ran; 2 the program, its topology or the command line is wrong, and
nothing was started.
"""

from outgrow.cli.application import main

__all__ = ["main"]
