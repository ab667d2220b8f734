import asyncio
import logging
from typing import Any

import pytest

from outgrow.calls import failure_of
from outgrow.clock import ManualClock
from outgrow.context import ALL_PERMISSIONS, Caller
from outgrow.contracts import read_contract
from outgrow.errors import (
    ArgumentsRefused,
    CallError,
    CallFailed,
    CallInTransaction,
    CallTimedOut,
    KeyReused,
    Overloaded,
    ServiceUnreachable,
)
from outgrow.gateway import Edge, Limits
from tests.gateway.bakery.contract import Bakery, OutOfStock
from tests.gateway.conftest import Driver, Kitchen, make_edge

ORDER = {"user_id": "ada", "lines": []}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_declared_problem_becomes_problem_details_with_its_fields(ask: Driver) -> None:
    body = {"user_id": "ada", "lines": [{"sku": "gone", "quantity": 1}]}
    answer = await ask("POST", "/orders", body, x_correlation_id="c-1")

    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "/problems/bakery.OutOfStock",
        "title": "Out of stock",
        "status": 409,
        "detail": "There is no gone left.",
        "instance": "/orders",
        "correlation_id": "c-1",
        "sku": "gone",
        "left": 0,
    }


async def test_a_problem_with_the_status_not_found_is_404(ask: Driver) -> None:
    assert (await ask("GET", "/orders/none")).status == 404


def below(error: Exception) -> CallFailed:
    """What is met if a method has met *error* at a service that it needs."""
    return failure_of("m", error)


@pytest.mark.parametrize(
    ("error", "status", "name", "may_have_run"),
    [
        (ArgumentsRefused("m", [("x", "y")]), 400, "ArgumentsRefused", False),
        (KeyReused("m", "k"), 422, "KeyReused", False),
        (Overloaded("m", "busy"), 429, "Overloaded", False),
        (ServiceUnreachable("m", "secret", may_have_run=True), 503, "ServiceUnreachable", True),
        (ServiceUnreachable("m", "secret", may_have_run=False), 503, "ServiceUnreachable", False),
        (CallTimedOut("m", may_have_run=True), 504, "CallTimedOut", True),
        (CallFailed("m", "KeyError", "secret"), 500, "CallFailed", True),
        (below(Overloaded("n", "secret")), 503, "ServiceUnreachable", True),
        (below(ServiceUnreachable("n", "x", may_have_run=False)), 503, "ServiceUnreachable", True),
        (below(CallFailed("n", "KeyError", "secret")), 500, "CallFailed", True),
        (CallInTransaction("m"), 500, "CallFailed", False),
        (CallError("m", "secret"), 500, "CallFailed", True),
        (RuntimeError("secret"), 500, "InternalError", True),
    ],
)
async def test_each_failure_has_a_status_and_says_whether_it_may_have_run(
    ask: Driver, kitchen: Kitchen, *, error: Exception, status: int, name: str, may_have_run: bool
) -> None:
    kitchen.errors["so"] = error
    answer = await ask("GET", "/fails/so")

    assert answer.status == status == answer.json["status"]
    assert answer.json["type"] == f"/problems/outgrow.{name}"
    assert answer.json["may_have_run"] is may_have_run
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"]
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert b"secret" not in answer.body


async def test_who_is_refused_for_overload_is_told_when_to_come_back(
    ask: Driver, kitchen: Kitchen
) -> None:
    kitchen.errors["so"] = Overloaded("m", "busy", retry_after_seconds=2.25)
    answer = await ask("GET", "/fails/so")

    assert answer.headers["retry-after"] == "3"
    assert answer.json["retry_after_seconds"] == 2.25


async def test_what_went_wrong_inside_is_told_to_the_log_alone(
    ask: Driver, kitchen: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    cause = ZeroDivisionError("the secret")
    error = CallFailed("bakery.fail", "ZeroDivisionError", "the secret")
    error.__cause__ = cause
    kitchen.errors["so"] = error
    with caplog.at_level(logging.ERROR, "outgrow.gateway"):
        answer = await ask("GET", "/fails/so")

    assert b"ZeroDivision" not in answer.body
    assert "the secret" in caplog.text
    assert caplog.records[0].__dict__["correlation_id"] == answer.json["correlation_id"]


async def test_a_problem_that_is_raised_without_being_declared_is_still_an_answer(
    ask: Driver, kitchen: Kitchen
) -> None:
    kitchen.errors["so"] = OutOfStock(sku="x", left=1)

    assert (await ask("GET", "/fails/so")).status == 409


async def test_a_missing_permission_is_named_before_the_body_is_read(
    ask: Driver, kitchen: Kitchen
) -> None:
    answer = await ask("DELETE", "/orders/7")

    assert answer.status == 403
    assert answer.json["permission"] == "orders:write"
    assert not kitchen.contexts


async def test_without_authentication_everyone_is_anonymous(kitchen: Kitchen) -> None:
    edge = Edge("bakery", [read_contract(Bakery)], kitchen.bind, ManualClock())

    assert (await Driver(edge)("DELETE", "/orders/7")).status == 403


async def test_an_open_edge_lets_everyone_do_everything(kitchen: Kitchen) -> None:
    everyone = Caller(permissions=ALL_PERMISSIONS)
    ask = Driver(make_edge(kitchen, authenticate=lambda headers: everyone))

    assert (await ask("DELETE", "/orders/7")).status == 204
    assert kitchen.contexts[0].caller is everyone


async def test_the_context_carries_who_asks_until_when_and_under_which_key(
    kitchen: Kitchen,
) -> None:
    clock = ManualClock()
    clock.advance(100)
    edge = Edge("bakery", [read_contract(Bakery)], kitchen.bind, clock)
    answer = await Driver(edge)(
        "POST",
        "/orders",
        ORDER,
        x_correlation_id="request-1",
        traceparent=TRACEPARENT,
        idempotency_key="key-1",
    )
    context = kitchen.contexts[0]

    assert answer.status == 200
    assert (context.key, context.method, context.via) == ("key-1", "bakery.place_order", "")
    assert context.correlation_id == "request-1"
    assert context.deadline == 110
    assert f"{context.trace_id:x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{context.span_id:x}" != "00f067aa0ba902b7"
    assert answer.headers["traceparent"] == context.traceparent
    assert answer.headers["x-correlation-id"] == "request-1"
    assert answer.headers["idempotency-key"] == "key-1"


async def test_a_methods_own_deadline_counts(kitchen: Kitchen) -> None:
    kitchen.released.set()
    edge = Edge("bakery", [read_contract(Bakery)], kitchen.bind, ManualClock())
    await Driver(edge)("GET", "/slow")

    assert kitchen.contexts[0].deadline == 5


async def test_a_command_without_a_key_gets_one_and_what_keeps_no_key_none(
    ask: Driver, kitchen: Kitchen
) -> None:
    first, second = await ask("POST", "/orders", ORDER), await ask("POST", "/orders", ORDER)
    await ask("GET", "/orders/7", idempotency_key="ignored")
    await ask("PUT", "/orders/7/notes/1", {"text": "x"}, idempotency_key="ignored too")
    keys = [context.key for context in kitchen.contexts]

    assert len(keys[0] or "") == len(keys[1] or "") == 36
    assert keys[0] != keys[1]
    assert keys[2:] == [None, None]
    assert "idempotency-key" not in first.headers
    assert "idempotency-key" not in second.headers


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "tab\there", "\x7f", "ü"])
async def test_a_key_that_is_none_is_refused(ask: Driver, kitchen: Kitchen, key: str) -> None:
    answer = await ask("POST", "/orders", ORDER, idempotency_key=key)

    assert answer.status == 400
    assert answer.json["type"] == "/problems/outgrow.KeyUnreadable"
    assert not kitchen.contexts


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'quote"', "new\nline", "<b>"])
async def test_a_correlation_id_that_logs_could_not_hold_is_replaced(
    ask: Driver, kitchen: Kitchen, given: str
) -> None:
    answer = await ask("GET", "/orders/7", x_correlation_id=given)

    assert answer.headers["x-correlation-id"] not in ("", given)
    assert kitchen.contexts[0].correlation_id == answer.headers["x-correlation-id"]


@pytest.mark.parametrize("given", ["", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ü"])
async def test_a_traceparent_that_is_none_begins_a_new_trace(ask: Driver, given: str) -> None:
    answer = await ask("GET", "/orders/7", traceparent=given)

    assert len(answer.headers["traceparent"]) == 55


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/vnd.shop+json",
    ],
)
async def test_json_by_any_of_its_names_is_read(ask: Driver, media_type: str) -> None:
    answer = await ask(
        "POST", "/orders", body=b'{"user_id":"a","lines":[]}', content_type=media_type
    )

    assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_type": "text/json"},
        {"content_type": "application/jsonx"},
        {"content_type": "application/json", "content_encoding": "gzip"},
    ],
)
async def test_a_body_that_is_not_sent_as_json_is_refused(ask: Driver, headers: Any) -> None:
    answer = await ask("POST", "/orders", body=b"{}", **headers)

    assert answer.status == 415
    assert "content-type: application/json" in answer.json["detail"]


async def test_a_body_where_none_belongs_is_refused(ask: Driver) -> None:
    answer = await ask("GET", "/orders/7", {"a": 1})

    assert answer.status == 400
    assert answer.json["type"] == "/problems/outgrow.BodyUnexpected"


async def test_a_body_over_the_limit_is_refused_unread(ask: Driver) -> None:
    answer = await ask("POST", "/orders", body=b"x" * 70_000, content_type="application/json")

    assert answer.status == 413
    assert answer.json["body_bytes_max"] == 4096
    assert answer.headers["connection"] == "close"


async def test_a_chunked_body_is_refused_where_it_passes_the_limit(ask: Driver) -> None:
    answer = await ask("POST", "/orders", chunks=[b"x" * 1000] * 9, content_type="application/json")

    assert answer.status == 413


async def test_a_body_in_pieces_is_put_together(ask: Driver) -> None:
    chunks = [b'{"user_id":', b'"ada",', b"", b'"lines":[]}']
    answer = await ask("POST", "/orders", chunks=chunks, content_type="application/json")

    assert answer.json["order_id"] == "ada-small"


async def test_long_query_strings_and_large_headers_are_refused(ask: Driver) -> None:
    assert (await ask("GET", "/orders/7?a=" + "x" * 9000)).status == 414
    assert (await ask("GET", "/orders/7", x_large="x" * 40_000)).status == 431


async def test_a_request_is_one_line_in_the_log(
    ask: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "outgrow.gateway"):
        answer = await ask("GET", "/orders/a%0Ab?secret=1", x_correlation_id="c-9")

    (record,) = caplog.records
    fields = record.__dict__
    assert answer.status == 400
    assert (fields["method"], fields["path"], fields["status"]) == ("GET", "/orders/a%0Ab", 400)
    assert (fields["correlation_id"], fields["route"]) == ("c-9", "/orders/{order_id}")
    assert fields["milliseconds"] >= 0
    assert "secret" not in caplog.text


async def test_a_call_is_cancelled_when_its_client_goes_away(kitchen: Kitchen) -> None:
    edge = make_edge(kitchen)
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/slow", "query_string": b"", "headers": []}
    async with asyncio.TaskGroup() as group:
        request = group.create_task(edge(scope, receive, send))
        await kitchen.started.wait()
        gone.set()
        await kitchen.cancelled.wait()
        await request

    assert sent == []


async def test_a_cancellation_from_elsewhere_is_not_swallowed(kitchen: Kitchen) -> None:
    ask = Driver(make_edge(kitchen))
    async with asyncio.TaskGroup() as group:
        request = group.create_task(ask("GET", "/slow"))
        await kitchen.started.wait()
        request.cancel()

    assert request.cancelled()
    assert kitchen.cancelled.is_set()


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_answered(
    kitchen: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    edge = make_edge(kitchen)
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError

    headers = [(b"content-type", b"application/json"), (b"content-length", b"99")]
    scope = {"type": "http", "method": "POST", "path": "/orders", "query_string": b""}
    with caplog.at_level(logging.INFO, "outgrow.gateway"):
        await edge({**scope, "headers": headers}, receive, send)

    assert caplog.records[0].__dict__["status"] == 499


async def test_a_body_that_comes_too_slowly_is_refused(kitchen: Kitchen) -> None:
    ask = Driver(make_edge(kitchen, limits=Limits(body_seconds_max=0.05)))
    headers = {"content_type": "application/json", "content_length": "99"}
    answer = await ask("POST", "/orders", chunks=[], **headers)

    assert answer.status == 408
    assert answer.headers["connection"] == "close"


async def test_an_edge_starts_and_stops_with_any_server(kitchen: Kitchen) -> None:
    kinds = ["lifespan.startup", "lifespan.shutdown"]
    sent: list[str] = []

    async def receive() -> Any:
        return {"type": kinds.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await make_edge(kitchen)({"type": "lifespan"}, receive, send)
    kinds.append("websocket.connect")
    await make_edge(kitchen)({"type": "websocket"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
