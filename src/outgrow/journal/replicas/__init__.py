"""
Several processes over one store.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal its tables; the store.
Offers: up to where a journal is final.
"""

from outgrow.journal.replicas.frontier import Frontier

__all__ = ["Frontier"]
