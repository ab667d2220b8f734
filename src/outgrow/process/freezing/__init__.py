"""
What services promise, in files that are committed and reviewed.

Floor: house; a room inside process.
Uses: contracts with their descriptions and comparison; the gateway for its documents.
Offers: what is frozen, freezing, and how the code compares with what was promised or runs.
"""

from outgrow.process.freezing.reading import (
    CONTRACTS_FOLDER,
    Frozen,
    describe_services,
    read_frozen,
)

__all__ = [
    "CONTRACTS_FOLDER",
    "Frozen",
    "describe_services",
    "read_frozen",
]
