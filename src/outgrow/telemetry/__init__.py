"""
What this process tells about itself.

Floor: wires.
Uses: the ground.
Offers: meters of calls, and structured logs that carry correlation and trace ids.
"""

from outgrow.telemetry.meters import Meter, Meters, MeterStatistics

__all__ = ["Meter", "MeterStatistics", "Meters"]
