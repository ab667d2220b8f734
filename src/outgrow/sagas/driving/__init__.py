"""
The sagas of a process are worked at: begun, driven, undone, taken up again.

Floor: store, journal, sagas; a room inside sagas.
Uses: of sagas what is written and what its methods are handed; calls, journal, store.
Offers: what runs the sagas of a service, and what looks after those of all that a process hosts.
"""

from outgrow.sagas.driving.engine import TOPIC, Engine
from outgrow.sagas.driving.hosting import Hosting
from outgrow.sagas.driving.keeping import Keeping
from outgrow.sagas.driving.outcomes import ABORTED, Kept, finish, give_up

__all__ = ["ABORTED", "TOPIC", "Engine", "Hosting", "Keeping", "Kept", "finish", "give_up"]
