"""
The terminal: one file per command, which parses, calls a room, and prints.

Floor: doors.
Uses: everything but testing.
Offers: the program ``outgrow``.

Exit codes: 0 done; 1 it failed here and now, or found something to act on (a port or store is
taken, nothing runs, a process does not answer, the doctor saw a problem); 2 the program, its
topology or the command line is wrong, and nothing was started or changed; 130 it was told twice
to end. In words: docs/reference/command-line.md.
"""

from outgrow.cli.application import main

__all__ = ["main"]
