"""The conformance suite: gRPC over TCP in plain text. With certificates it runs each time."""

import pytest

from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.testing.transports import conformance
from tests.calls.transports.callees import OverTcp

TestGrpcOverTcp = pytest.mark.long(conformance(OverTcp, message_bytes_max=MESSAGE_BYTES_MAX))
