"""
How far a process is, and which of its services can do their work now.

Floor: house; a room inside process.
Uses: contracts, store.
Offers: what answers probes, and tells whoever must know when that changes.
"""

from outgrow.process.health.readiness import (
    LOOK_SECONDS,
    READY_SECONDS_MAX,
    STORE_LOOKS,
    Health,
    Hook,
    telling,
)

__all__ = [
    "LOOK_SECONDS",
    "READY_SECONDS_MAX",
    "STORE_LOOKS",
    "Health",
    "Hook",
    "telling",
]
