"""
The PostgreSQL server that comes in a wheel: no installation, no container, no password to invent.

Floor: house; a room inside process.
Uses: the ground; of process the leash.
Offers: a cluster on disk, and how its server is started, waited for and ended.
"""

from outgrow.process.databases.account import Account
from outgrow.process.databases.binaries import find_binaries
from outgrow.process.databases.cluster import CONNECTIONS_MAX, NAME, SUPERUSER, Cluster

__all__ = [
    "CONNECTIONS_MAX",
    "NAME",
    "SUPERUSER",
    "Account",
    "Cluster",
    "find_binaries",
]
