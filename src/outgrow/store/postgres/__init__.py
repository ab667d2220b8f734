"""
PostgreSQL: one database and one role per service, many processes.

Floor: store, journal, sagas; a room inside store.
Uses: the ground; the files of the store beside it; asyncpg.
Offers: the opening of a store in a database, and a database as one end of a move.
"""

from outgrow.store.postgres.copying import PostgresEnd
from outgrow.store.postgres.opening import Opening, open_postgres

__all__ = ["Opening", "PostgresEnd", "open_postgres"]
