"""
The PostgreSQL server that comes in a wheel: no installation, no container, no password to invent.

Floor: house; a room inside process.
Uses: the ground; of process the leash.
Offers: a cluster on disk, and how its server is started, waited for and ended.
"""

from outgrow.process.databases.account import Account
from outgrow.process.databases.addresses import is_same_server, whole_address
from outgrow.process.databases.binaries import find_binaries
from outgrow.process.databases.cluster import CONNECTIONS_MAX, NAME, SUPERUSER, Cluster
from outgrow.process.databases.embedded import Embedded
from outgrow.process.databases.kept import Kept
from outgrow.process.databases.serving import serving

__all__ = [
    "CONNECTIONS_MAX",
    "NAME",
    "SUPERUSER",
    "Account",
    "Cluster",
    "Embedded",
    "Kept",
    "find_binaries",
    "is_same_server",
    "serving",
    "whole_address",
]
