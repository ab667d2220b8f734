"""
Start as one program. Measure. Split only what has outgrown it.

The door for users: everything that a service is written with. What can go wrong is in
`outgrow.errors`, what tests need in `outgrow.testing`.
"""

from outgrow.calls import using
from outgrow.context import Caller, Context, context, new_id
from outgrow.contracts import Contract, Event, Problem, Record, Secret, command, query, upcast
from outgrow.journal import on, transactional
from outgrow.process import Application, blocking, service, start
from outgrow.sagas import Guarded, Saga, saga
from outgrow.store import Snapshot, Store, Transaction
from outgrow.topology import Settings

__all__ = [
    "Application",
    "Caller",
    "Context",
    "Contract",
    "Event",
    "Guarded",
    "Problem",
    "Record",
    "Saga",
    "Secret",
    "Settings",
    "Snapshot",
    "Store",
    "Transaction",
    "blocking",
    "command",
    "context",
    "new_id",
    "on",
    "query",
    "saga",
    "service",
    "start",
    "transactional",
    "upcast",
    "using",
]
