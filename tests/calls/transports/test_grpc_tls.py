"""The conformance suite: gRPC over TCP, with certificates on both sides."""

from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.testing.transports import conformance
from tests.calls.transports.callees import OverTls

TestGrpcOverTls = conformance(OverTls, message_bytes_max=MESSAGE_BYTES_MAX)
