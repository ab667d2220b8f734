"""
What happened, and who must still hear of it.

Floor: store, journal, sagas.
Uses: the ground, contracts, calls, store.
Offers: transactional methods and handlers, what is remembered of commands, and the delivery of
events and sent commands.
"""

from outgrow.journal.archiving import Verified, verify_archives
from outgrow.journal.auditing import (
    Decision,
    Deed,
    Fate,
    FullRow,
    HistoryPage,
    LineRow,
    check_decision,
    operators_context,
)
from outgrow.journal.bodies import Codec, codec_of
from outgrow.journal.broker import Broker, BrokerMaker, Carried, in_process
from outgrow.journal.consumers import Call, ConsumerStatistics
from outgrow.journal.delivery import Delivery
from outgrow.journal.handlers import Handler, handlers_of, on
from outgrow.journal.inbox import (
    KEEP_SECONDS,
    SAGA,
    Inbox,
    Keyed,
    Replies,
    had_effect,
    note_saga,
    note_saga_end,
)
from outgrow.journal.messages import Batch, Message, Source, time_of, time_text
from outgrow.journal.outbox import Outbox
from outgrow.journal.overview import JournalRow, JournalRows, KnownConsumer, Overview, WaitingKey
from outgrow.journal.reading import Journal
from outgrow.journal.replicas import Replica, Superseded
from outgrow.journal.schema import HEARD, JOURNAL_TABLE, SCHEMA
from outgrow.journal.timing import SetTimer, TimerStatistics
from outgrow.journal.transactional import is_transactional, store_of, transactional

__all__ = [
    "HEARD",
    "JOURNAL_TABLE",
    "KEEP_SECONDS",
    "SAGA",
    "SCHEMA",
    "Batch",
    "Broker",
    "BrokerMaker",
    "Call",
    "Carried",
    "Codec",
    "ConsumerStatistics",
    "Decision",
    "Deed",
    "Delivery",
    "Fate",
    "FullRow",
    "Handler",
    "HistoryPage",
    "Inbox",
    "Journal",
    "JournalRow",
    "JournalRows",
    "Keyed",
    "KnownConsumer",
    "LineRow",
    "Message",
    "Outbox",
    "Overview",
    "Replica",
    "Replies",
    "SetTimer",
    "Source",
    "Superseded",
    "TimerStatistics",
    "Verified",
    "WaitingKey",
    "check_decision",
    "codec_of",
    "had_effect",
    "handlers_of",
    "in_process",
    "is_transactional",
    "note_saga",
    "note_saga_end",
    "on",
    "operators_context",
    "store_of",
    "time_of",
    "time_text",
    "transactional",
    "verify_archives",
]
