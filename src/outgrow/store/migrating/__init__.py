"""
How the tables of a store become those of today: outgrow's by versions, a service's by its files.

Floor: store, journal, sagas.
Uses: the ground; the files of the store beside it.
Offers: reading and splitting migrations, what is pending, and the steps of outgrow's own tables.
"""

from outgrow.store.migrating.files import Migration, is_alembic, read_migrations
from outgrow.store.migrating.level import Applied, Level, level_of, pending_of
from outgrow.store.migrating.statements import (
    refuse_deferred,
    refuse_in_postgres,
    statements_of,
)
from outgrow.store.migrating.steps import Step, steps_to_today

__all__ = [
    "Applied",
    "Level",
    "Migration",
    "Step",
    "is_alembic",
    "level_of",
    "pending_of",
    "read_migrations",
    "refuse_deferred",
    "refuse_in_postgres",
    "statements_of",
    "steps_to_today",
]
