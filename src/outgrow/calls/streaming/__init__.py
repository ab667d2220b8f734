"""
Calls whose items travel while they go on, whichever way.

Floor: wires; a room inside calls.
Uses: contracts, telemetry, and of calls the seam, deadlines and failures. Knows no transport.
Offers: what a caller holds of a stream, what a callee reads, and the doors of streaming methods.
"""

from outgrow.calls.streaming.doors import STREAMS_OPEN_MAX, StreamDoors
from outgrow.calls.streaming.ending import Ending
from outgrow.calls.streaming.stream import Stream
from outgrow.calls.streaming.taken import Given, Taken, refused_item

__all__ = [
    "STREAMS_OPEN_MAX",
    "Ending",
    "Given",
    "Stream",
    "StreamDoors",
    "Taken",
    "refused_item",
]
