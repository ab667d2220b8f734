"""
Work that spans services, and can be undone.

Floor: store, journal, sagas.
Uses: the ground, contracts, calls, store, journal.
Offers: methods that are sagas, and what they are handed; how a saga stands; records that sagas
share.
"""

from outgrow.sagas.code import Code, code_of, codes_of, heard_by
from outgrow.sagas.guarded import Guarded, Holder
from outgrow.sagas.marking import saga
from outgrow.sagas.saga import Saga, Step
from outgrow.sagas.schema import SCHEMA
from outgrow.sagas.standing import Standing

__all__ = [
    "SCHEMA",
    "Code",
    "Guarded",
    "Holder",
    "Saga",
    "Standing",
    "Step",
    "code_of",
    "codes_of",
    "heard_by",
    "saga",
]
