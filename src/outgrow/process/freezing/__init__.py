"""
What services promise, in files that are committed and reviewed.

Floor: house; a room inside process.
Uses: contracts with their descriptions and comparison; the gateway for its documents.
Offers: what is frozen, freezing, and how the code compares with what was promised or runs.
"""

from outgrow.process.freezing.comparison import (
    Comparison,
    compare_services,
    compare_with_frozen,
)
from outgrow.process.freezing.program import Program, read_program
from outgrow.process.freezing.reading import (
    CONTRACTS_FOLDER,
    Frozen,
    describe_services,
    read_frozen,
)
from outgrow.process.freezing.revision import read_revision, tell_revision
from outgrow.process.freezing.writing import Freezing, freeze, frozen_findings, unfrozen_files

__all__ = [
    "CONTRACTS_FOLDER",
    "Comparison",
    "Freezing",
    "Frozen",
    "Program",
    "compare_services",
    "compare_with_frozen",
    "describe_services",
    "freeze",
    "frozen_findings",
    "read_frozen",
    "read_program",
    "read_revision",
    "tell_revision",
    "unfrozen_files",
]
