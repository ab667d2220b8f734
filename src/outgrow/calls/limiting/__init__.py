"""
How much a process takes on: calls that would come too late to be of use are refused at once.

Floor: wires; a room inside calls.
Uses: nothing.
Offers: the adaptive limit of one process, and a gate for each of its methods.
"""

from outgrow.calls.limiting.gate import Gate
from outgrow.calls.limiting.limiter import Limiter

__all__ = ["Gate", "Limiter"]
