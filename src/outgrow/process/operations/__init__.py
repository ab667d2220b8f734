"""
Whoever began a saga over HTTP asks how it stands, wherever it is.

Floor: house; a room inside process.
Uses: calls, contracts, sagas.
Offers: what asks the process that hosts a saga's service, and what answers there.
"""

from outgrow.process.operations.operations import Operations, is_of_operations

__all__ = ["Operations", "is_of_operations"]
