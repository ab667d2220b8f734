"""Commands that go on when their caller's time is over: how they are told, and asked for."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from outgrow.clock import Clock
from outgrow.context import Caller, Context
from outgrow.contracts import Method, decode_problem
from outgrow.errors import CallFailed, SagaAborted, StillRunning
from outgrow.gateway.exchange import Headers, Reply, Request
from outgrow.gateway.failures import failure_reply, problem_reply
from outgrow.gateway.refusals import Refusal
from outgrow.sagas import Standing

OPERATIONS_PATH: Final = "/operations/"

ASK_AGAIN_SECONDS: Final = 1
"""When it is worth asking again, as whoever asks is told."""

_NO_STORE = (b"cache-control", b"no-store")

Find = Callable[[Context, str], Awaitable[Standing | None]]
"""How a saga stands: ``await find(context, saga_id)``; None if the caller may not know of it."""


def going_on(
    request: Request, running: StillRunning, headers: tuple[tuple[bytes, bytes], ...]
) -> Reply:
    """
    The answer to a command that goes on: 202 (RFC 9110, 15.3.3), with where its state is told.

    Args:
        headers: More of them.
    """
    body = {"id": running.saga_id, "method": running.method, "state": "running"}
    later = max(1, math.ceil(running.retry_after_seconds))
    headers = (
        *headers,
        (b"location", f"{request.root}{OPERATIONS_PATH}{running.saga_id}".encode()),
        (b"retry-after", b"%d" % later),
        _NO_STORE,
    )
    return Reply(202, msgspec.json.encode(body), headers=headers)


class OperationEndpoint:
    """
    Tells whoever began a saga how it stands. Lives as long as its edge.

    Args:
        find: How a saga stands.
        methods: Those that may have begun one, by ``service.method``.
    """

    def __init__(
        self,
        find: Find,
        methods: Mapping[str, Method],
        clock: Clock,
        *,
        authenticate: Callable[[Headers], Caller],
        deadline_seconds: float,
    ) -> None:
        self._find = find
        self._methods = methods
        self._clock = clock
        self._authenticate = authenticate
        self._deadline_seconds = deadline_seconds

    async def answer(self, request: Request) -> Reply:
        """
        How the saga stands that the path names.

        Raises:
            Refusal: There is none that the caller began.
            CallError: The process that hosts its service could not be asked.
        """
        context = Context(
            caller=self._authenticate(request.headers),
            correlation_id=request.correlation_id,
            trace_id=request.trace_id,
            span_id=request.span_id,
            deadline=self._clock.monotonic() + self._deadline_seconds,
        )
        saga_id = request.path_values[0]
        standing = await self._find(context, saga_id)
        if standing is None:
            raise Refusal(
                404,
                "OperationUnknown",
                f"You have begun nothing that is called {saga_id[:100]!r}. What has ended is kept "
                "for a day.",
            )
        headers: tuple[tuple[bytes, bytes], ...] = (_NO_STORE,)
        if standing.ended_at is None:
            headers = (*headers, (b"retry-after", b"%d" % ASK_AGAIN_SECONDS))
        body = msgspec.json.encode(self._told(request, standing))
        return Reply(200, body, headers=headers)

    def _told(self, request: Request, standing: Standing) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": standing.id,
            "method": standing.method,
            "state": standing.state,
            "started_at": standing.started_at,
            "ended_at": standing.ended_at,
        }
        if standing.outcome == "reply":
            told["reply"] = msgspec.Raw(standing.text.encode())
        elif standing.outcome:
            told["problem"] = msgspec.Raw(self._problem(request, standing).body)
        return told

    def _problem(self, request: Request, standing: Standing) -> Reply:
        """The answer that whoever waited for it got."""
        if standing.outcome == "problem":
            kept = msgspec.json.decode(standing.text, type=_KeptProblem)
            method = self._methods.get(standing.method)
            declared = method.problems.get(kept.type) if method is not None else None
            if declared is not None:
                return problem_reply(request, decode_problem(declared, bytes(kept.fields)))
            # The process that answered has another revision of the contract.
            return failure_reply(request, CallFailed(standing.method, kept.type, standing.text))
        return failure_reply(request, SagaAborted(standing.method, standing.id, standing.text))


class _KeptProblem(msgspec.Struct):
    type: str
    fields: msgspec.Raw
