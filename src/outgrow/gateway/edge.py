"""The front door as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from outgrow.calls import Invoke, tell_failure
from outgrow.clock import Clock
from outgrow.context import Caller
from outgrow.contracts import (
    ContractModel,
    Method,
    Problem,
    place_of,
    problem_schema_fields,
)
from outgrow.errors import CallError, CallFailed, Finding, InvalidContract
from outgrow.gateway.endpoints import Authenticate, MethodEndpoint
from outgrow.gateway.exchange import SMALL_BODY_BYTES, Headers, Receive, Reply, Request, Scope, Send
from outgrow.gateway.failures import (
    MEMBERS,
    failure_reply,
    fault_reply,
    problem_reply,
    refusal_reply,
)
from outgrow.gateway.limits import Limits
from outgrow.gateway.operations import OPERATIONS_PATH, Find, OperationEndpoint
from outgrow.gateway.pages import AlwaysReady, Health, pages
from outgrow.gateway.refusals import ClientGone, Refusal
from outgrow.gateway.routes import Route, Router
from outgrow.gateway.streaming import item_findings
from outgrow.gateway.watchman import Watchman

CLIENT_GONE = 499
"""The status in the log of a request whose client went away; nobody sees it but the log."""

DISCARDED_BYTES_MAX = 64 * 1024 * 1024
DISCARDED_SECONDS_MAX = 5.0

_TOLD = ("method", "path", "route", "status", "milliseconds")
"""The fields of the access log that its message tells too; at a terminal they are left out."""

_log = logging.getLogger("outgrow.gateway")


def anonymous(_headers: Headers) -> Caller:
    """Everyone is anonymous and may do what needs no permission."""
    return Caller()


class Edge:
    """
    Answers HTTP for the methods that contracts bind to it. Lives as long as its application.

    An ASGI application: served by a `Listener`, or mounted in another one. It reaches services
    only through the transport that *bind* belongs to.

    Args:
        application: The application's name.
        models: The contracts whose methods may be reached.
        bind: What executes a method, as a transport's `bind`.
        clock: The application's clock.
        health: What is not ready yet and why.
        authenticate: The caller that a request's headers, by lower-case name, stand for.
        limits: How much may be asked at once.

    Raises:
        InvalidContract: Contracts that cannot be reached together, all findings at once.
    """

    def __init__(
        self,
        application: str,
        models: Iterable[ContractModel],
        bind: Callable[[Method], Invoke],
        clock: Clock,
        *,
        health: Health | None = None,
        authenticate: Authenticate = anonymous,
        limits: Limits | None = None,
    ) -> None:
        self._clock = clock
        self._authenticate = authenticate
        self._limits = limits or Limits()
        self._watchman = Watchman()
        self._router = Router()
        models = list(models)
        methods = [m for model in models for m in model.methods.values() if m.http is not None]
        self._keyed = {m.full_name: m for m in methods if m.is_keyed}
        for route in pages(application, models, health or AlwaysReady(), self._limits):
            self._router.add(route)
        findings = [finding for m in methods for finding in _problem_findings(m)]
        findings += [finding for m in methods for finding in item_findings(m)]
        for method in methods:
            assert method.http is not None
            endpoint = MethodEndpoint(
                method,
                bind(method),
                clock,
                authenticate=authenticate,
                limits=self._limits,
                watchman=self._watchman,
            )
            binding = method.http
            route = Route(binding.verb, binding.path, endpoint, method.full_name, method.place)
            taken = self._router.add(route)
            if taken is not None:
                findings.append(_taken_finding(route, taken))
        InvalidContract.raise_if_any(findings)

    def tell_of_operations(self, find: Find) -> None:
        """
        Let whoever began a command that goes on ask how it stands.

        Raises:
            InvalidContract: A contract binds a method to the path that this has.
        """
        endpoint = OperationEndpoint(
            find,
            self._keyed,
            self._clock,
            authenticate=self._authenticate,
            deadline_seconds=self._limits.deadline_seconds_default,
        )
        route = Route("GET", f"{OPERATIONS_PATH}{{id}}", endpoint, "outgrow")
        if self._keyed and (taken := self._router.add(route)) is not None:
            raise InvalidContract([_taken_finding(taken, route)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_protocol(scope, receive, send)
            return
        is_logged = _log.isEnabledFor(logging.INFO)
        started = self._clock.monotonic() if is_logged else 0.0
        request = Request(scope, receive, self._limits, self._watchman)
        try:
            reply = await self._answer(request, send)
            if reply is None:
                status = 200
            else:
                if request.has_small_unread_body:
                    await request.discard_body(SMALL_BODY_BYTES, DISCARDED_SECONDS_MAX)
                await _send(request, reply, send)
                status = reply.status
        except ClientGone:
            status = CLIENT_GONE
        if is_logged:
            self._write_log(request, status, self._clock.monotonic() - started)
        if request.has_unread_body:
            # A connection that is closed on a client still sending is reset, and its answer lost.
            await request.discard_body(DISCARDED_BYTES_MAX, DISCARDED_SECONDS_MAX)
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, request: Request, send: Send) -> Reply | None:
        """What is to be sent; None if all of it has been sent, item by item."""
        try:
            request.check_head()
            if request.verb == "OPTIONS":
                allowed = ", ".join(self._router.verbs(request)).encode()
                return Reply(204, headers=((b"allow", allowed),))
            route = self._router.find(request)
            request.route = route.path
            answer = await route.endpoint.answer(request)
            if isinstance(answer, Reply):
                return answer
            await answer.send(
                request,
                send,
                begin=lambda head: _begin(request, head, send),
                tell=lambda failure: _told(request, failure),
            )
        except ClientGone:
            raise
        except Exception as failure:  # noqa: BLE001 - a named border: it ends one request
            return _told(request, failure)
        return None

    def _write_log(self, request: Request, status: int, seconds: float) -> None:
        milliseconds = round(seconds * 1000, 3)
        arguments = (request.verb, request.raw_path, status, milliseconds)
        # As logger.info() does, without its search for the line that calls it.
        record = logging.getLogRecordFactory()(
            _log.name, logging.INFO, __file__, 0, "%s %s %d in %.1f ms", arguments, None
        )
        fields = record.__dict__
        fields["method"] = request.verb
        fields["path"] = request.raw_path
        fields["route"] = request.route
        fields["status"] = status
        fields["milliseconds"] = milliseconds
        fields["_told"] = _TOLD
        fields.update(_ids(request))
        _log.handle(record)


def _told(request: Request, failure: Exception) -> Reply:
    """What the client is told of *failure*; what is not the client's doing is logged."""
    match failure:
        case Refusal():
            return refusal_reply(request, failure)
        case Problem():
            return problem_reply(request, failure)
        case CallFailed():
            _log_failure(request, failure)
            return failure_reply(request, failure)
        case CallError():
            return failure_reply(request, failure)
    text = "%s %s failed"
    _log.error(text, request.verb, request.raw_path, exc_info=failure, extra=_ids(request))
    return fault_reply(request)


def _ids(request: Request) -> dict[str, str]:
    return {
        "correlation_id": request.correlation_id,
        "trace_id": f"{request.trace_id:032x}",
    }


def _log_failure(request: Request, error: CallFailed) -> None:
    text = tell_failure(error)
    if error.__cause__ is None:
        # It came from another process, which has logged it with its traceback.
        service = error.method.partition(".")[0]
        text += f" Its traceback stands in the log of the process that hosts {service}."
    _log.error("%s", text, exc_info=error.__cause__, extra=_ids(request))


async def _send(request: Request, reply: Reply, send: Send) -> None:
    await _begin(request, reply, send, len(reply.body))
    body = b"" if request.verb == "HEAD" else reply.body
    more = request.has_unread_body
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _begin(request: Request, reply: Reply, send: Send, length: int | None = None) -> None:
    """Send the head of *reply*, whose body has that length, if it is known."""
    headers = [
        (b"x-correlation-id", request.correlation_id.encode("ascii")),
        (b"traceparent", b"00-%032x-%016x-01" % (request.trace_id, request.span_id)),
        *reply.headers,
    ]
    if reply.status != 204:
        headers.append((b"content-type", reply.content_type))
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
    if request.has_unread_body:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})


async def _other_protocol(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is no HTTP request: a server's start and stop, and web sockets."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "websocket.close", "code": 1003})


def _taken_finding(route: Route, taken: Route) -> Finding:
    where = f" ({taken.place})" if taken.place else ""
    return Finding(
        place=route.place,
        message=f"{route.owner} and {taken.owner}{where} are both bound to "
        f"{route.verb} {route.path}.",
        remedy="A verb and path lead to one method: give one of them another path.",
        slug="http-binding-taken",
    )


def _problem_findings(method: Method) -> Iterable[Finding]:
    for problem in method.problems.values():
        for name in sorted(MEMBERS & {field.name for field in problem_schema_fields(problem)}):
            yield Finding(
                place=place_of(problem),
                message=f"problem {problem.__name__} of {method.full_name} has a field {name!r}.",
                remedy="Over HTTP every problem has a member of that name already. Choose another.",
                slug="problem-field-http",
            )
