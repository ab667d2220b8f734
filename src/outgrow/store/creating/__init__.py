"""
Databases and roles in PostgreSQL, made by its administrator, and questions to them.

Floor: store, journal, sagas; a room inside store.
Uses: the ground; asyncpg, which is an extra.
Offers: a database and a role for each service, which may do what the service needs and no more.
"""

from outgrow.store.creating.administrator import Administrator
from outgrow.store.creating.asking import ask_database
from outgrow.store.creating.names import database_name
from outgrow.store.creating.passwords import new_password, verifier

__all__ = ["Administrator", "ask_database", "database_name", "new_password", "verifier"]
