"""The conformance suite: calls inside of one process."""

from outgrow.testing.transports import conformance
from tests.calls.transports.callees import HERE_LACKS, Here

TestInProcess = conformance(Here, lacks=HERE_LACKS)
