"""
Calls between processes: gRPC with protobuf messages made from the contracts.

Floor: wires; a room inside calls.
Uses: contracts, and of calls the seam, deadlines and failures. The only room that knows gRPC.
Offers: the transport to another process, the server that lets calls in, and their messages.
"""

from outgrow.calls.grpc.client import GrpcTransport
from outgrow.calls.grpc.converters import Conversion, Converters
from outgrow.calls.grpc.messages import Messages
from outgrow.calls.grpc.revisions import FrozenContracts, Revisions
from outgrow.calls.grpc.server import GRACE_SECONDS_DEFAULT, MESSAGE_BYTES_MAX, GrpcServer

__all__ = [
    "GRACE_SECONDS_DEFAULT",
    "MESSAGE_BYTES_MAX",
    "Conversion",
    "Converters",
    "FrozenContracts",
    "GrpcServer",
    "GrpcTransport",
    "Messages",
    "Revisions",
]
