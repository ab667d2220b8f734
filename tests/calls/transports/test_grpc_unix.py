"""The conformance suite: gRPC over a Unix socket."""

from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.testing.transports import conformance
from tests.calls.transports.callees import OverUnix

TestGrpcOverUnix = conformance(OverUnix, message_bytes_max=MESSAGE_BYTES_MAX)
