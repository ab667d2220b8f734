"""
How other processes are reached: which of them, and again if nobody was there.

Floor: wires; a room inside calls.
Uses: contracts, discovery, and of calls the seam to a transport.
Offers: transports around transports; whatever they decide can be seen in their statistics.
"""

from outgrow.calls.reaching.balancing import Balanced
from outgrow.calls.reaching.budgets import Budget
from outgrow.calls.reaching.retrying import Retrying
from outgrow.calls.reaching.routing import Routed

__all__ = ["Balanced", "Budget", "Retrying", "Routed"]
