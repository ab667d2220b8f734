"""
How one service asks another: in process or gRPC, same meaning.

Floor: wires.
Uses: contracts, telemetry.
Offers: the transport seam, the reception that every transport calls, and clients.
"""

from outgrow.calls.arguments import (
    KEY_CHARACTERS_MAX,
    bind_arguments,
    decode_arguments,
    encode_arguments,
    hash_arguments,
    key_problem,
    method_of,
)
from outgrow.calls.carrying import as_declared
from outgrow.calls.client import Client, client_class, connect, using
from outgrow.calls.deadlines import DEADLINE_SECONDS_DEFAULT, STREAM_SECONDS_DEFAULT, Watch
from outgrow.calls.failures import decode_failure, encode_failure, failure_of, tell_failure
from outgrow.calls.in_process import InProcess
from outgrow.calls.patience import Patience
from outgrow.calls.reception import Reception
from outgrow.calls.repeats import MISSING, Memory
from outgrow.calls.streaming import Ending, Stream
from outgrow.calls.transport import Invoke, Transport

__all__ = [
    "DEADLINE_SECONDS_DEFAULT",
    "KEY_CHARACTERS_MAX",
    "MISSING",
    "STREAM_SECONDS_DEFAULT",
    "Client",
    "Ending",
    "InProcess",
    "Invoke",
    "Memory",
    "Patience",
    "Reception",
    "Stream",
    "Transport",
    "Watch",
    "as_declared",
    "bind_arguments",
    "client_class",
    "connect",
    "decode_arguments",
    "decode_failure",
    "encode_arguments",
    "encode_failure",
    "failure_of",
    "hash_arguments",
    "key_problem",
    "method_of",
    "tell_failure",
    "using",
]
