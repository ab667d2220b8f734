"""
SQLAlchemy on a unit's own transaction, for services that want it: ``await tx.run(function)``.

Floor: store, journal, sagas.
Uses: the ground; SQLAlchemy, an extra, so it is imported by whoever needs it and no sooner.
Offers: the calls of functions that take a session, types of columns, and Alembic's revisions.
"""

from outgrow.store.alchemy.columns import COLUMN_TYPES
from outgrow.store.alchemy.postgres import run_on_postgres
from outgrow.store.alchemy.revisions import (
    make_revision,
    revisions_of,
    run_migrations,
    tell_revisions,
    upgrade_postgres,
    upgrade_sqlite,
)
from outgrow.store.alchemy.sessions import name_of
from outgrow.store.alchemy.sqlite import run_on_sqlite

__all__ = [
    "COLUMN_TYPES",
    "make_revision",
    "name_of",
    "revisions_of",
    "run_migrations",
    "run_on_postgres",
    "run_on_sqlite",
    "tell_revisions",
    "upgrade_postgres",
    "upgrade_sqlite",
]
