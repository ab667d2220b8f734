"""
Is the program what it should be? Everything that can be known without starting it.

Floor: house; a room inside process.
Uses: of process the loading; the gateway; topology.
Offers: the check of a whole program, its topologies and the boundaries of its services; the calls
between services; the baseline of an existing code base; migrations that break what runs.
"""

from outgrow.process.checking.baseline import Compared, compare_with_baseline, update_baseline
from outgrow.process.checking.breaking import breaking_findings
from outgrow.process.checking.callgraph import Call, CallGraph, place_of_method
from outgrow.process.checking.program import Checked, check_program
from outgrow.process.checking.sources import Sources

__all__ = [
    "Call",
    "CallGraph",
    "Checked",
    "Compared",
    "Sources",
    "breaking_findings",
    "check_program",
    "compare_with_baseline",
    "place_of_method",
    "update_baseline",
]
