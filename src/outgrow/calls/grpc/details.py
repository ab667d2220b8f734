"""
What a call ended with, in the words that every gRPC library knows: ``google.rpc.Status``.

It travels as ``grpc-status-details-bin``. A caller that is outgrow reads trailers of our own, which
say more and cost less, so it is sent to others only; and it is read where a server is no outgrow.
The messages are Google's error model: AIP-193 and ``google/rpc/error_details.proto``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2 as kinds
from google.rpc.status_pb2 import Status

from outgrow.contracts import (
    Choice,
    Maybe,
    Method,
    OneValueOf,
    Problem,
    Scalar,
    Shape,
    decode_problem,
    encode_problem,
    problem_schema_fields,
    problem_type,
)
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallerNotDeclared,
    CallError,
    CallRefused,
    Overloaded,
    SagaAborted,
    ServiceUnreachable,
    StillRunning,
)

DETAILS_TRAILER: Final = "grpc-status-details-bin"
DETAILS_BYTES_MAX: Final = 3_072
"""What others accept is 8 KiB of headers, if they were not told otherwise; this is one of three."""

VIOLATIONS_MAX: Final = 20

RESTART_SECONDS: Final = 1.0
"""When a caller should come back to a process that has said that it stops."""

OWN_DOMAIN: Final = "outgrow"

_NO_TEXT = {"bool", "int", "float"}
"""Scalars that are no text in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """
    What the details of a status say, as far as outgrow understands it.

    Attributes:
        reason: What went wrong, by a name that is unique in *domain*.
        fields: What is told of it, as text.
        violations: ``(place, message)`` of each argument that does not fit.
        retry_after_seconds: When a repeat is welcome; None if nothing was said.
    """

    reason: str = ""
    domain: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    retry_after_seconds: float | None = None


NOTHING: Final = Details()


def write_details(
    domain: str, code: grpc.StatusCode, text: str, error: Problem | CallError
) -> bytes:
    """
    The status that tells others of *error*; cut if it would be too large.

    Args:
        domain: The application, whose names the problems are.
    """
    status = Status(code=code.value[0], message=text)
    for detail in _of_problem(domain, error) if isinstance(error, Problem) else _of_error(error):
        status.details.add().Pack(detail)
        if status.ByteSize() > DETAILS_BYTES_MAX:
            del status.details[-1]
    written: bytes = status.SerializeToString()
    return written


def read_details(trailer: bytes | None) -> Details:
    """What a status in *trailer* says; nothing, if there is none or it cannot be read."""
    if trailer is None:
        return NOTHING
    known: dict[str, Any] = {}
    try:
        for packed in Status.FromString(trailer).details:
            _read(known, packed)
    except (DecodeError, ValueError, OverflowError):
        return NOTHING
    return Details(**known)


def problem_in(method: Method, details: Details) -> Problem | None:
    """The problem that a server tells of by its type and fields, if *method* declares it."""
    declared = method.problems.get(details.reason)
    if declared is None:
        return None
    shapes = {f.name: f.shape for f in problem_schema_fields(declared)}
    try:
        fields = {
            name: _value(text, shapes[name])
            for name, text in details.fields.items()
            if name in shapes
        }
        return decode_problem(declared, msgspec.json.encode(fields))
    except (msgspec.MsgspecError, ValueError):
        return None


def _of_problem(domain: str, problem: Problem) -> list[Message]:
    fields: dict[str, Any] = msgspec.json.decode(encode_problem(problem))
    told = {name: _text(value) for name, value in fields.items()}
    reason = problem_type(type(problem))
    return [kinds.ErrorInfo(reason=reason, domain=domain, metadata=told)]


def _of_error(error: CallError) -> list[Message]:
    told = {"method": error.method, "may_have_run": _text(error.may_have_run)}
    if isinstance(error, CallerNotAllowed):
        told["permission"] = error.permission
    elif isinstance(error, StillRunning | SagaAborted):
        told["saga_id"] = error.saga_id
    found: list[Message] = [
        kinds.ErrorInfo(reason=type(error).__name__, domain=OWN_DOMAIN, metadata=told)
    ]
    match error:
        case ArgumentsRefused():
            request = kinds.BadRequest()
            for place, message in error.findings[:VIOLATIONS_MAX]:
                request.field_violations.add(field=place, description=message)
            found.append(request)
        case Overloaded() | StillRunning():
            found.append(_retry(error.retry_after_seconds))
        case ServiceUnreachable(may_have_run=False):
            found.append(_retry(RESTART_SECONDS))
        case CallerNotAllowed() | CallerNotDeclared():
            pass
        case CallRefused():
            failure = kinds.PreconditionFailure()
            kind = type(error).__name__
            failure.violations.add(type=kind, subject=error.method, description=str(error))
            found.append(failure)
    return found


def _retry(seconds: float) -> Message:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    info: Message = kinds.RetryInfo(retry_delay=delay)
    return info


def _read(known: dict[str, Any], packed: Any) -> None:
    for kind in (kinds.ErrorInfo, kinds.BadRequest, kinds.RetryInfo):
        if not packed.Is(kind.DESCRIPTOR):
            continue
        detail: Any = kind()
        packed.Unpack(detail)
        match detail:
            case kinds.ErrorInfo():
                known |= {"reason": detail.reason, "domain": detail.domain}
                known["fields"] = dict(detail.metadata)
            case kinds.BadRequest():
                known["violations"] = [(v.field, v.description) for v in detail.field_violations]
            case kinds.RetryInfo():
                known["retry_after_seconds"] = detail.retry_delay.ToNanoseconds() / 1e9


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _value(text: str, shape: Shape) -> Any:
    """What *text* is in the JSON of a problem: what is text there needs no quotes here."""
    if isinstance(shape, Maybe):
        return None if text == "null" else _value(text, shape.item)
    if isinstance(shape, OneValueOf):
        shape = shape.scalar
    is_text = isinstance(shape, Choice) and isinstance(next(iter(shape.enum)).value, str)
    if isinstance(shape, Scalar):
        is_text = shape.kind not in _NO_TEXT
    return text if is_text else msgspec.json.decode(text)
