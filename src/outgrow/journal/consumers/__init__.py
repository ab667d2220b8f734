"""
Who takes what a journal holds, in order, and keeps how far it has come.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal the messages, its reading and the inbox; calls and the store.
Offers: the handlers' subscriptions, and the senders of commands.
"""

from outgrow.journal.consumers.consumer import Consumer, ConsumerStatistics
from outgrow.journal.consumers.sender import Call, Sender
from outgrow.journal.consumers.subscription import Subscription

__all__ = ["Call", "Consumer", "ConsumerStatistics", "Sender", "Subscription"]
