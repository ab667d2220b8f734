"""
Where the stores of an application are, and what is in them, whether it runs or not.

Floor: house; a room inside process.
Uses: topology, store, journal; of process the embedded server and the control channel.
Offers: databases for services, how far each store is, and bringing their tables up to date.
"""

from outgrow.process.places.creating import ADMIN_URL, Created, create_stores
from outgrow.process.places.finding import Places, unknown_service
from outgrow.process.places.migrating import Migrated, migrate_stores, write_revision
from outgrow.process.places.standing import Standing, look_at_stores

__all__ = [
    "ADMIN_URL",
    "Created",
    "Migrated",
    "Places",
    "Standing",
    "create_stores",
    "look_at_stores",
    "migrate_stores",
    "unknown_service",
    "write_revision",
]
