"""
Arguments and replies as protobuf: messages made from the contracts, and converters for each method.

Floor: wires; a room inside calls.
Uses: contracts. Knows no transport.
Offers: the messages of an application's contracts, and the way of typed values to bytes and back.
"""

from outgrow.calls.protobuf.converters import Conversion, Converters
from outgrow.calls.protobuf.messages import Messages

__all__ = ["Conversion", "Converters", "Messages"]
