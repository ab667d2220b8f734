"""
From a request to the arguments of a method, or to all that is wrong with them.

Floor: house, inside the gateway.
Uses: contracts.
Offers: what reads a path, a query string and a body by a method's types.
"""

from outgrow.gateway.binding.binder import BODILESS, Binder

__all__ = ["BODILESS", "Binder"]
