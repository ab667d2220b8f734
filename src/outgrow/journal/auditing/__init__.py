"""
Who did what, when and why: what operators decide about single messages, and what can be asked.

Floor: store, journal, sagas; a room inside journal.
Uses: of journal the consumers, the outbox and the messages; the store.
Offers: decisions that leave a row in the journal, one row with all that came of it, and histories.
"""

from outgrow.journal.auditing.decisions import (
    DROPPED,
    REPLAYED,
    Decision,
    Decisions,
    LineRow,
    check_decision,
    operators_context,
)
from outgrow.journal.auditing.fates import COLUMNS, Fate, Fates, FullRow
from outgrow.journal.auditing.histories import Deed, Histories, HistoryPage

__all__ = [
    "COLUMNS",
    "DROPPED",
    "REPLAYED",
    "Decision",
    "Decisions",
    "Deed",
    "Fate",
    "Fates",
    "FullRow",
    "Histories",
    "HistoryPage",
    "LineRow",
    "check_decision",
    "operators_context",
]
