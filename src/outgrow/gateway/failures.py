"""Every failure as problem details: RFC 9457, ``application/problem+json``."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from outgrow.contracts import STATUSES, Problem, encode_problem, problem_type
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallError,
    CallFailed,
    CallTimedOut,
    ContractDiffers,
    KeyReused,
    Overloaded,
    SagaAborted,
    ServiceUnreachable,
)
from outgrow.gateway.exchange import Reply, Request
from outgrow.gateway.refusals import Refusal

MEDIA_TYPE = b"application/problem+json"
PROBLEMS_PATH = "/problems/"
MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "correlation_id"})
"""The members that outgrow gives to every problem; a problem's own fields have other names."""

RETRY_AFTER_SECONDS = 1
_LATER_IS_BETTER = (429, 503)

CALL_STATUSES: dict[type[CallError], int] = {
    ArgumentsRefused: 400,
    CallerNotAllowed: 403,
    SagaAborted: 409,
    KeyReused: 422,
    Overloaded: 429,
    ServiceUnreachable: 503,
    ContractDiffers: 503,
    CallTimedOut: 504,
}

_SAFE_DETAILS: dict[type[CallError], str] = {
    CallTimedOut: "The answer was not there in time.",
    ServiceUnreachable: "The service that answers this, or one that it needs, cannot answer now.",
    ContractDiffers: "The service that answers this is being replaced. Try again later.",
    SagaAborted: "It could not be finished, and what was done of it is undone.",
    Overloaded: "There is as much to do as the limit allows. Try again later.",
    KeyReused: (
        "This Idempotency-Key was used before with other arguments. A repeat carries the same "
        "arguments; another command needs another key."
    ),
}
_AWAY_BELOW = frozenset(f"outgrow.errors.{e.__name__}" for e in (Overloaded, ServiceUnreachable))
"""What a method may meet at a service that it needs, and let fall through: it passes by itself."""

_FAILED = "It failed for a reason that is not yours. The log tells more under the correlation id."


def title_of(name: str) -> str:
    """The title of the problem *name*: its class in words, as in ``Out of stock``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.rpartition(".")[2])
    return words.capitalize()


def problem_reply(request: Request, problem: Problem) -> Reply:
    """The answer that a declared problem is."""
    status = STATUSES[problem.status]
    fields = msgspec.json.decode(encode_problem(problem))
    return _details(request, problem_type(type(problem)), status, str(problem), fields)


def refusal_reply(request: Request, refusal: Refusal) -> Reply:
    """The answer to a request that the edge refuses."""
    name = f"outgrow.{refusal.name}"
    return _details(
        request, name, refusal.status, refusal.detail, refusal.fields, headers=refusal.headers
    )


def failure_reply(request: Request, error: CallError) -> Reply:
    """
    The answer to a call that failed.

    What went wrong inside is told to the log only; the answer tells what the client can do.
    """
    kind = next((kind for kind in CALL_STATUSES if isinstance(error, kind)), CallError)
    if isinstance(error, CallFailed) and error.error_type in _AWAY_BELOW:
        kind = ServiceUnreachable
    status = CALL_STATUSES.get(kind, 500)
    fields: dict[str, Any] = {"may_have_run": error.may_have_run}
    later = RETRY_AFTER_SECONDS
    detail = _SAFE_DETAILS.get(kind, _FAILED)
    if isinstance(error, ArgumentsRefused):
        fields["findings"] = [{"place": p, "message": m} for p, m in error.findings]
        count = len(error.findings)
        detail = "1 argument does not fit." if count == 1 else f"{count} arguments do not fit."
    elif isinstance(error, CallerNotAllowed):
        fields["permission"] = error.permission
        detail = f"The permission {error.permission!r} is needed."
    elif isinstance(error, SagaAborted):
        fields["saga_id"] = error.saga_id
    elif isinstance(error, Overloaded):
        fields["retry_after_seconds"] = error.retry_after_seconds
        later = max(1, math.ceil(error.retry_after_seconds))  # RFC 9110, 10.2.3: whole seconds
    name = f"outgrow.{kind.__name__}" if status != 500 else "outgrow.CallFailed"
    return _details(request, name, status, detail, fields, retry_after_seconds=later)


def fault_reply(request: Request) -> Reply:
    """The answer if outgrow itself went wrong."""
    return _details(request, "outgrow.InternalError", 500, _FAILED, {"may_have_run": True})


def _details(
    request: Request,
    name: str,
    status: int,
    detail: str,
    fields: dict[str, Any],
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    retry_after_seconds: int = RETRY_AFTER_SECONDS,
) -> Reply:
    details = {
        "type": PROBLEMS_PATH + name,
        "title": title_of(name),
        "status": status,
        "detail": detail,
        "instance": request.raw_path,
        "correlation_id": request.correlation_id,
        **fields,
    }
    if status in _LATER_IS_BETTER:
        headers = (*headers, (b"retry-after", b"%d" % retry_after_seconds))
    return Reply(status, msgspec.json.encode(details), MEDIA_TYPE, headers)
