"""
Moving the store of a service, whether the application runs or not.

Floor: house; a room inside process.
Uses: topology, store; of process the control channel, the stores and the loading.
Offers: the moves of an application's stores, and what tests noted of a service's statements.
"""

from outgrow.process.moving.moves import Checked, Moved, Moves
from outgrow.process.moving.statements import note_statements, noted_statements, statements_path

__all__ = ["Checked", "Moved", "Moves", "note_statements", "noted_statements", "statements_path"]
