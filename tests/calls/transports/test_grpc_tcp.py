"""The conformance suite: gRPC over TCP."""

from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.testing.transports import conformance
from tests.calls.transports.callees import OverTcp

TestGrpcOverTcp = conformance(OverTcp, message_bytes_max=MESSAGE_BYTES_MAX)
