"""
What this process tells about itself.

Floor: wires.
Uses: contracts.
Offers: meters of calls, and structured logs that carry correlation and trace ids.
"""

from outgrow.telemetry.logs import (
    PROCESS_WIDTH,
    JsonFormatter,
    TerminalFormatter,
    configure_logs,
)
from outgrow.telemetry.meters import Meter, Meters, MeterStatistics
from outgrow.telemetry.tracebacks import place_raised

__all__ = [
    "PROCESS_WIDTH",
    "JsonFormatter",
    "Meter",
    "MeterStatistics",
    "Meters",
    "TerminalFormatter",
    "configure_logs",
    "place_raised",
]
