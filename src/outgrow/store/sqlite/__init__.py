"""
SQLite: one file per service, one writer, one commit for many units.

Floor: store, journal, sagas.
Uses: the ground; the files of the store beside it.
Offers: the opening of a store in a file.
"""

from outgrow.store.sqlite.database import open_sqlite

__all__ = ["open_sqlite"]
