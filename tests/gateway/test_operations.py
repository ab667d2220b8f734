"""Commands that go on are answered with 202, and how they stand is told to who may know it."""

from typing import Any

import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.contracts import Contract, command, query, read_contract
from outgrow.errors import CallTimedOut, InvalidContract, SagaAborted, StillRunning
from outgrow.gateway import Edge
from outgrow.sagas import Standing
from tests.gateway.bakery.contract import Bakery
from tests.gateway.conftest import Answer, Driver, Kitchen

ORDER = {"user_id": "ada", "lines": []}
STARTED = "2030-01-01T00:00:00.000000Z"
ENDED = "2030-01-01T00:00:01.000000Z"


class Meeting(Kitchen):
    """Ends each order with an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def place_order(self, *_: Any) -> Any:
        raise self.error


async def ordered(error: Exception, **more: str) -> Answer:
    """The answer to an order that ends with *error*."""
    edge = Edge("bakery", [read_contract(Bakery)], Meeting(error).bind, SystemClock())
    return await Driver(edge)("POST", "/orders", ORDER, **more)


async def asked(
    standing: Standing | Exception | None, path: str = "/operations/bakery-7"
) -> Answer:
    """The answer to who asks how a saga stands."""
    edge = Edge("bakery", [read_contract(Bakery)], Kitchen().bind, SystemClock())

    async def find(context: Any, saga_id: str) -> Standing | None:
        assert saga_id == "bakery-7"
        if isinstance(standing, Exception):
            raise standing
        return standing

    edge.tell_of_operations(find)
    return await Driver(edge)("GET", "/operations/bakery-7")


def ended(state: str, outcome: Any, text: str) -> Standing:
    """How a saga stands that has ended."""
    return Standing(
        id="bakery-7",
        method="bakery.place_order",
        state=state,
        started_at=STARTED,
        ended_at=ENDED,
        outcome=outcome,
        text=text,
    )


@pytest.mark.parametrize("root", ["", "/shop", "/shop/"])
async def test_what_goes_on_is_told_with_its_place(root: str) -> None:
    running = StillRunning("bakery.place_order", "bakery-7", retry_after_seconds=2.5)

    answer = await ordered(running, root_path=root, idempotency_key="k")

    assert answer.status == 202
    assert answer.headers["location"] == f"{root.rstrip('/')}/operations/bakery-7"
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["idempotency-key"] == "k"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {"id": "bakery-7", "method": "bakery.place_order", "state": "running"}


async def test_what_was_undone_says_nothing_of_the_inside() -> None:
    answer = await ordered(SagaAborted("bakery.place_order", "bakery-7", "KeyError: 'oven 3'"))

    assert answer.status == 409
    assert answer.json["type"] == "/problems/outgrow.SagaAborted"
    assert answer.json["saga_id"] == "bakery-7"
    assert b"oven" not in answer.body


async def test_how_it_stands_is_told_while_it_goes_on() -> None:
    standing = Standing(
        id="bakery-7", method="bakery.place_order", state="undoing", started_at=STARTED
    )

    answer = await asked(standing)

    assert (answer.status, answer.headers["retry-after"]) == (200, "1")
    assert answer.json == {
        "id": "bakery-7",
        "method": "bakery.place_order",
        "state": "undoing",
        "started_at": STARTED,
        "ended_at": None,
    }


async def test_a_reply_is_told_as_the_command_would_have() -> None:
    answer = await asked(ended("completed", "reply", '{"order_id":"7"}'))

    assert "retry-after" not in answer.headers
    assert answer.json["reply"] == {"order_id": "7"}
    assert "problem" not in answer.json


@pytest.mark.parametrize(
    ("outcome", "text", "kind", "status"),
    [
        (
            "problem",
            '{"type":"bakery.OutOfStock","fields":{"sku":"bun","left":2}}',
            "bakery.OutOfStock",
            409,
        ),
        ("problem", '{"type":"bakery.Unheard","fields":{}}', "outgrow.CallFailed", 500),
        ("aborted", "its time was over.", "outgrow.SagaAborted", 409),
    ],
)
async def test_why_it_was_undone_is_told_as_a_problem(
    outcome: str, text: str, kind: str, status: int
) -> None:
    answer = await asked(ended("undone", outcome, text))

    assert answer.status == 200
    problem = answer.json["problem"]
    assert (problem["type"], problem["status"]) == (f"/problems/{kind}", status)
    assert problem["instance"] == "/operations/bakery-7"


async def test_what_an_operator_has_resolved_has_no_reply() -> None:
    answer = await asked(ended("resolved", "", ""))

    assert answer.json["state"] == "resolved"
    assert {"reply", "problem"}.isdisjoint(answer.json)


async def test_what_nobody_knows_of_is_not_found() -> None:
    answer = await asked(None)

    assert answer.status == 404
    assert answer.json["type"] == "/problems/outgrow.OperationUnknown"


async def test_a_process_that_does_not_answer_is_no_saga_that_is_not_there() -> None:
    answer = await asked(CallTimedOut("bakery.outgrow_operation", may_have_run=False))

    assert answer.status == 504


async def test_the_description_tells_of_commands_that_go_on() -> None:
    edge = Edge("bakery", [read_contract(Bakery)], Kitchen().bind, SystemClock())
    document: Any = (await Driver(edge)("GET", "/openapi.json")).json

    def responses(path: str, verb: str) -> Any:
        return document["paths"][path][verb]["responses"]

    assert responses("/orders", "post")["202"] == {"$ref": "#/components/responses/GoesOn"}
    assert "202" not in responses("/orders/{order_id}", "get")
    assert "409" in responses("/orders", "post")
    assert "/operations/{id}" in document["paths"]
    headers = document["components"]["responses"]["GoesOn"]["headers"]
    assert set(headers) == {"Location", "Retry-After"}


class Reader(Contract):
    """Only reads."""

    @query("GET /operations/{name}")
    async def read(self, name: str) -> str:
        """Read."""


class Surgeon(Contract):
    """Has its own operations."""

    @command("POST /wards")
    async def admit(self, name: str) -> str:
        """Admit."""

    @query("GET /operations/{name}")
    async def look(self, name: str) -> str:
        """Look."""


class Ward(Kitchen):
    """Keeps the contract that is refused."""

    admit = look = Kitchen.latest


async def find_none(_context: Any, _saga_id: str) -> None:
    """There is nothing."""


def test_a_contract_that_has_the_path_itself_is_refused() -> None:
    edge = Edge("ward", [read_contract(Surgeon)], Ward().bind, SystemClock())

    with pytest.raises(InvalidContract, match="GET /operations/") as caught:
        edge.tell_of_operations(find_none)

    (finding,) = caught.value.findings
    assert finding.slug == "http-binding-taken"
    assert "test_operations.py" in finding.place


async def test_who_has_no_command_keeps_the_path() -> None:
    class Library(Kitchen):
        async def read(self, name: str) -> str:
            return name

    edge = Edge("library", [read_contract(Reader)], Library().bind, SystemClock())
    edge.tell_of_operations(find_none)

    answer = await Driver(edge)("GET", "/operations/7")

    assert msgspec.json.decode(answer.body) == "7"
