"""
Refusals and failures as gRPC tells them, and back into what the caller must meet.

Everyone gets a status code and a text, and the same problem or error in trailing metadata:
``outgrow-problem-bin`` or ``outgrow-error-bin``. Who is no outgrow also gets
``grpc-status-details-bin``, and nothing that is larger than its library takes. A process that stops
adds ``outgrow-stopping-bin``, after which nothing more is sent over that connection.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple
from urllib.parse import quote

import grpc
import grpc.aio
import msgspec

from outgrow.calls.failures import decode_failure, encode_failure, failure_of
from outgrow.calls.grpc.details import (
    DETAILS_TRAILER,
    Details,
    problem_in,
    read_details,
    write_details,
)
from outgrow.contracts import Method, Problem, decode_problem, encode_problem, problem_type
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallerNotDeclared,
    CallError,
    CallFailed,
    CallRefused,
    CallTimedOut,
    Overloaded,
    SagaAborted,
    ServiceUnreachable,
    StillRunning,
)

PROBLEM_TRAILER = "outgrow-problem-bin"
ERROR_TRAILER = "outgrow-error-bin"
STOPPING = ("outgrow-stopping-bin", b"1")
TRAILER_BYTES_MAX = 256 * 1024
TEXT_LENGTH_MAX = 1_000
ABRIDGED_TEXT_BYTES_MAX = 1_024
ABRIDGED_TRAILER_BYTES_MAX = 1_536
"""For who is no outgrow: its library takes 8 KiB of headers, if it was not told otherwise."""

_log = logging.getLogger("outgrow.calls")

_CODES: tuple[tuple[type[CallError], grpc.StatusCode], ...] = (
    (ArgumentsRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (CallerNotAllowed, grpc.StatusCode.PERMISSION_DENIED),
    (CallerNotDeclared, grpc.StatusCode.PERMISSION_DENIED),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (CallRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (ServiceUnreachable, grpc.StatusCode.UNAVAILABLE),
    (CallTimedOut, grpc.StatusCode.DEADLINE_EXCEEDED),
    (StillRunning, grpc.StatusCode.DEADLINE_EXCEEDED),
    (SagaAborted, grpc.StatusCode.ABORTED),
    (CallError, grpc.StatusCode.UNKNOWN),
)

# What gRPC says if a call failed before a connection was made. Any other text counts as sent; so
# if a version of gRPC words it anew, we err towards "may have run".
_NEVER_CONNECTED = ("failed to connect to all addresses", "DNS resolution failed")
_TOO_LARGE = "message larger than max"


class Ending(NamedTuple):
    """How a call ends other than with a reply."""

    code: grpc.StatusCode
    text: str
    trailer: tuple[str, bytes]
    told: Problem | CallError


def ending_of(method: Method, error: BaseException) -> Ending:
    """What is sent when *method* ends with *error*."""
    if isinstance(error, Problem) and isinstance(error, tuple(method.problems.values())):
        return tell_problem(method, error)
    if isinstance(error, CallError):
        return tell_error(error)
    # The reception lets nothing else out; if it does, the caller is told all the same.
    _log.error("%s ended with what is no reply", method.full_name, exc_info=error)
    return tell_error(failure_of(method.full_name, error))


def tell_problem(method: Method, problem: Problem) -> Ending:
    """What is sent for a declared *problem*; one of a class below the declared is sent as that."""
    declared = next(c for c in type(problem).__mro__ if c in method.problems.values())
    body = problem_type(declared).encode() + b"\n" + encode_problem(problem)
    if len(body) > TRAILER_BYTES_MAX:
        text = f"its problem has {len(body)} bytes of {TRAILER_BYTES_MAX}: {_cut(str(problem))}"
        return tell_error(CallFailed(method.full_name, problem_type(declared), text))
    code = grpc.StatusCode[problem.status.upper()]
    return Ending(code, _cut(str(problem)), (PROBLEM_TRAILER, body), problem)


def tell_error(error: CallError) -> Ending:
    """What is sent for a call that failed or was refused."""
    code = next(code for cls, code in _CODES if isinstance(error, cls))
    text = _cut(str(error))
    try:
        body = encode_failure(error)
    except (TypeError, ValueError):
        body = b""  # Its text holds what is no Unicode, or somebody hung a thing on it.
    if not 0 < len(body) <= TRAILER_BYTES_MAX:
        kind = error.error_type if isinstance(error, CallFailed) else type(error).__name__
        body = encode_failure(CallFailed(error.method, _cut(kind), text))
    return Ending(code, text, (ERROR_TRAILER, body), error)


def abridge(ending: Ending, domain: str) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    """
    The text and trailers for a caller that is no outgrow: with details, and not too large for it.

    Libraries refuse a reply whose headers have more than 8 KiB, unless they are told otherwise.

    Args:
        domain: The application, whose names the problems are.
    """
    text = ending.text
    while len(quote(text)) > ABRIDGED_TEXT_BYTES_MAX:
        text = f"{text[: len(text) * 3 // 4]}..."
    trailers = [(DETAILS_TRAILER, write_details(domain, ending.code, text, ending.told))]
    if len(ending.trailer[1]) <= ABRIDGED_TRAILER_BYTES_MAX:
        trailers.append(ending.trailer)
    return text, tuple(trailers)


def understand(method: Method, error: grpc.aio.AioRpcError) -> Problem | CallError:
    """What the caller of *method* meets when gRPC ends its call with *error*."""
    trailers: Any = error.trailing_metadata() or {}
    problem = trailers.get(PROBLEM_TRAILER)
    if problem is not None:
        return _read_problem(method, problem)
    failure = trailers.get(ERROR_TRAILER)
    if failure is not None:
        return decode_failure(method.full_name, failure)
    details = read_details(trailers.get(DETAILS_TRAILER))
    told = problem_in(method, details) if details.reason else None
    return told or _foreign(method.full_name, error.code(), error.details() or "", details)


def is_stopping(error: grpc.aio.AioRpcError) -> bool:
    """Whether the process that ended its call with *error* takes no calls any more."""
    trailers: Any = error.trailing_metadata() or {}
    return STOPPING[0] in trailers


def _read_problem(method: Method, trailer: bytes) -> Problem | CallError:
    name, _, body = trailer.partition(b"\n")
    declared = method.problems.get(name.decode("utf-8", "replace"))
    if declared is None:
        text = "it is no problem that this side's contract declares"
        return CallFailed(method.full_name, name.decode("utf-8", "replace"), text)
    try:
        return decode_problem(declared, body)
    except (msgspec.MsgspecError, ValueError) as error:
        return CallFailed(method.full_name, problem_type(declared), f"it cannot be read: {error}")


def _foreign(method: str, code: grpc.StatusCode, text: str, details: Details) -> CallError:
    """What gRPC itself, a proxy or a server that is no outgrow said."""
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            never = text.startswith(_NEVER_CONNECTED)
            found: CallError = ServiceUnreachable(method, text, may_have_run=not never)
        case grpc.StatusCode.CANCELLED:
            message = f"the other side ended the call before its reply: {text}"
            found = ServiceUnreachable(method, message, may_have_run=True)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            found = CallTimedOut(method, may_have_run=True)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            found = _exhausted(method, text, details)
        case grpc.StatusCode.INVALID_ARGUMENT:
            found = ArgumentsRefused(method, details.violations or [("arguments", text)])
        case grpc.StatusCode.PERMISSION_DENIED:
            found = CallerNotAllowed(method, details.fields.get("permission", ""), "the caller")
            found.args = (f"{method}: the process that was asked does not allow it: {text}",)
        case grpc.StatusCode.UNAUTHENTICATED:
            found = CallRefused(
                method, f"the process that was asked does not know who asks: {text}"
            )
        case grpc.StatusCode.UNIMPLEMENTED:
            found = CallRefused(method, f"the process that was asked does not offer it: {text}")
        case _:
            found = CallFailed(method, f"grpc.{code.name}", text)
    return found


def _exhausted(method: str, text: str, details: Details) -> CallError:
    """What RESOURCE_EXHAUSTED means: a message is too large, or there is too much to do."""
    if _TOO_LARGE in text:
        if text.startswith("SERVER:"):
            return ArgumentsRefused(method, [("arguments", text)])
        return CallFailed(method, "grpc.RESOURCE_EXHAUSTED", text)
    if details.retry_after_seconds is None:
        overloaded = Overloaded(method, text)
        overloaded.may_have_run = True  # Nobody said that it did not begin.
        return overloaded
    return Overloaded(method, text, retry_after_seconds=details.retry_after_seconds)


def _cut(text: str) -> str:
    """*text* as a header can carry it: Unicode, and not without end."""
    text = text if len(text) <= TEXT_LENGTH_MAX else f"{text[: TEXT_LENGTH_MAX - 3]}..."
    return text.encode("utf-8", "replace").decode()
