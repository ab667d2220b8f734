"""
One connection to a NATS server: made, lost, and made again.

Floor: wires.
Uses: the ground, and of identity the names of files.
Offers: the line that journal and discovery speak over. With journal/nats and discovery/nats it is
all that knows NATS.
"""

from outgrow.nats.connection import (
    STATUS,
    Connection,
    Lost,
    NoAnswer,
    Refused,
    heed_cancellation,
    in_time,
)
from outgrow.nats.line import Line, Purpose
from outgrow.nats.secrets import without_secrets

__all__ = [
    "STATUS",
    "Connection",
    "Line",
    "Lost",
    "NoAnswer",
    "Purpose",
    "Refused",
    "heed_cancellation",
    "in_time",
    "without_secrets",
]
