"""
A store goes from one database to another: held, copied, compared, switched.

Floor: store, journal, sagas.
Uses: the ground; files of the store.
Offers: a move and its steps, the end of a move in SQLite and the seam of any other, and what a
store says of a move.
"""

from outgrow.store.moving.end import (
    JOURNAL,
    KEPT_APART,
    META,
    MIGRATIONS,
    ROWS_PER_BATCH,
    End,
    Given,
    Table,
)
from outgrow.store.moving.ending import abandon, confirm
from outgrow.store.moving.marks import refuse_moved
from outgrow.store.moving.move import Hosts, Move
from outgrow.store.moving.sqlite_end import SqliteEnd
from outgrow.store.moving.state import Moving, StateFile, TableMoved

__all__ = [
    "JOURNAL",
    "KEPT_APART",
    "META",
    "MIGRATIONS",
    "ROWS_PER_BATCH",
    "End",
    "Given",
    "Hosts",
    "Move",
    "Moving",
    "SqliteEnd",
    "StateFile",
    "Table",
    "TableMoved",
    "abandon",
    "confirm",
    "refuse_moved",
]
