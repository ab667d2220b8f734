"""
What every transport does, as tests that anyone who writes one runs.

Floor: doors; a room inside testing.
Uses: calls, contracts.
Offers: the suite, made for one transport in one line; and what its author has to bring.
"""

from outgrow.testing.transports.bench import ABILITIES, Bench, Callee, MakeCallee
from outgrow.testing.transports.suite import TransportConformance, behaviours, conformance

__all__ = [
    "ABILITIES",
    "Bench",
    "Callee",
    "MakeCallee",
    "TransportConformance",
    "behaviours",
    "conformance",
]
