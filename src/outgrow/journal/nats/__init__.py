"""
Events between processes, over NATS JetStream.

Floor: store, journal, sagas; a room inside journal. The only room that knows NATS.
Uses: of journal the seam, the messages and the reading of journals.
Offers: the broker.
"""

from outgrow.journal.nats.broker import nats_broker

__all__ = ["nats_broker"]
