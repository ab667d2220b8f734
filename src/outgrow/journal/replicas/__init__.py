"""
Several processes over one store.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal its tables; the store.
Offers: up to where a journal is final, and what of the common work is this process's.
"""

from outgrow.journal.replicas.frontier import Frontier
from outgrow.journal.replicas.leases import LEASE_SECONDS, Superseded
from outgrow.journal.replicas.replica import EVERYTHING, WAITING, Replica

__all__ = ["EVERYTHING", "LEASE_SECONDS", "WAITING", "Frontier", "Replica", "Superseded"]
