"""
What happened, and who must still hear of it.

Floor: store, journal, sagas.
Uses: the ground, contracts, calls, store.
Offers: transactional methods and handlers, what is remembered of commands, and the delivery of
events and sent commands.
"""

from outgrow.journal.consumer import ConsumerStatistics
from outgrow.journal.delivery import Delivery
from outgrow.journal.handlers import Handler, handlers_of, on
from outgrow.journal.inbox import Inbox
from outgrow.journal.messages import Batch, Message, Source
from outgrow.journal.outbox import Outbox
from outgrow.journal.schema import SCHEMA
from outgrow.journal.sender import Call
from outgrow.journal.transactional import is_transactional, transactional

__all__ = [
    "SCHEMA",
    "Batch",
    "Call",
    "ConsumerStatistics",
    "Delivery",
    "Handler",
    "Inbox",
    "Message",
    "Outbox",
    "Source",
    "handlers_of",
    "is_transactional",
    "on",
    "transactional",
]
