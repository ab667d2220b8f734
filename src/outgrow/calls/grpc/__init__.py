"""
Calls between processes over gRPC.

Floor: wires; a room inside calls.
Uses: contracts, identity, and of calls the seam, deadlines, failures, messages. Only it knows gRPC.
Offers: the transport to another process, and the server that lets calls in.
"""

from outgrow.calls.grpc.channels import Peer
from outgrow.calls.grpc.client import GrpcTransport
from outgrow.calls.grpc.options import MESSAGE_BYTES_MAX
from outgrow.calls.grpc.revisions import FrozenContracts, Revisions
from outgrow.calls.grpc.server import GRACE_SECONDS_DEFAULT, GrpcServer

__all__ = [
    "GRACE_SECONDS_DEFAULT",
    "MESSAGE_BYTES_MAX",
    "FrozenContracts",
    "GrpcServer",
    "GrpcTransport",
    "Peer",
    "Revisions",
]
