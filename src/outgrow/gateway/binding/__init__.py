"""
From a request to the arguments of a method, or to all that is wrong with them.

Floor: house, inside the gateway.
Uses: contracts.
Offers: what reads a path, a query string and a body by a method's types, and tells all that is
wrong with a value.
"""

from outgrow.gateway.binding.binder import BODILESS, Binder
from outgrow.gateway.binding.diagnosis import Diagnosis
from outgrow.gateway.binding.unknown_fields import KnownFields

__all__ = ["BODILESS", "Binder", "Diagnosis", "KnownFields"]
