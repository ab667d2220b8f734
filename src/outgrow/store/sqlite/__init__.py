"""
SQLite: one file per service, one writer, one commit for many units.

Floor: store, journal, sagas.
Uses: the ground; the files of the store beside it.
Offers: the opening of a store in a file, and copies of such a file.
"""

from outgrow.store.sqlite.copies import (
    Contents,
    ask_store,
    bring_back,
    copy_store,
    look_into,
)
from outgrow.store.sqlite.database import open_sqlite
from outgrow.store.sqlite.opening import Opening, bring_up_to_date

__all__ = [
    "Contents",
    "Opening",
    "ask_store",
    "bring_back",
    "bring_up_to_date",
    "copy_store",
    "look_into",
    "open_sqlite",
]
