"""
Databases and roles in PostgreSQL, made by its administrator.

Floor: store, journal, sagas.
Uses: the ground.
Offers: a database and a role for each service, which may do what the service needs and no more.
"""

from outgrow.store.creating.administrator import Administrator

__all__ = ["Administrator"]
