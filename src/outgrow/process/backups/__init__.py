"""
Copies of a service's store, made while it is in use, and brought back.

Floor: house; a room inside process.
Uses: the ground, journal, store; of process where the stores are.
Offers: backing up a store, restoring it, and what that means to those who heard its events.
"""

from outgrow.process.backups.making import back_up
from outgrow.process.backups.note import Backup, note_of, read_note
from outgrow.process.backups.restoring import Ahead, Restored, restore
from outgrow.process.backups.stores import Stores

__all__ = [
    "Ahead",
    "Backup",
    "Restored",
    "Stores",
    "back_up",
    "note_of",
    "read_note",
    "restore",
]
