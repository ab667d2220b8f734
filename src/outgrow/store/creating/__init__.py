"""
Databases and roles in PostgreSQL, made by its administrator.

Floor: store, journal, sagas.
Uses: the ground.
Offers: a database and a role for each service, which may do what the service needs and no more.
"""

from outgrow.store.creating.administrator import Administrator
from outgrow.store.creating.names import database_name
from outgrow.store.creating.passwords import new_password, verifier

__all__ = ["Administrator", "database_name", "new_password", "verifier"]
