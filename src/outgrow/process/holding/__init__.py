"""
The state folder belongs to one run of the application, in one process or in several.

Floor: house; a room inside process.
Uses: of process the directory's names.
Offers: a lock for each folder, and whoever takes it removes what killed ones have left.
"""

from outgrow.process.holding.lock import released, take_lock

__all__ = ["released", "take_lock"]
