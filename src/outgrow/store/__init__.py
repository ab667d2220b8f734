"""
SQL, drivers, and who owns which tables.

Floor: store, journal, sagas.
Uses: the ground, contracts.
Offers: a service's store, its transactions and snapshots, and the driver of units of work.
"""

from outgrow.store.database import Database, Others
from outgrow.store.opening import bring_up_to_date, open_store
from outgrow.store.schema import Schema
from outgrow.store.store import Store
from outgrow.store.transaction import Outbox, Snapshot, Transaction

__all__ = [
    "Database",
    "Others",
    "Outbox",
    "Schema",
    "Snapshot",
    "Store",
    "Transaction",
    "bring_up_to_date",
    "open_store",
]
