"""The edge in front of the real reception and transport of one process."""

import asyncio

from outgrow.calls import InProcess, Reception
from outgrow.clock import ManualClock
from outgrow.contracts import read_contract
from outgrow.gateway import Edge, Limits
from outgrow.telemetry import Meters
from tests.gateway.bakery.contract import Bakery
from tests.gateway.conftest import Driver, Kitchen

ORDER = {"user_id": "ada", "lines": []}


def make_driver(kitchen: Kitchen, clock: ManualClock) -> Driver:
    reception = Reception(clock, Meters())
    reception.admit(read_contract(Bakery), kitchen, None)
    transport = InProcess(reception)
    return Driver(Edge("bakery", [read_contract(Bakery)], transport.bind, clock, limits=Limits()))


async def test_a_call_through_the_reception_is_answered(kitchen: Kitchen) -> None:
    ask = make_driver(kitchen, ManualClock())

    assert (await ask("POST", "/orders", ORDER)).json["order_id"] == "ada-small"
    assert (await ask("GET", "/orders/none")).status == 404


async def test_a_call_that_outlives_its_deadline_is_answered_with_504(kitchen: Kitchen) -> None:
    clock = ManualClock()
    ask = make_driver(kitchen, clock)
    async with asyncio.TaskGroup() as group:
        request = group.create_task(ask("GET", "/slow"))
        await kitchen.started.wait()
        clock.advance(5)

    assert request.result().status == 504
    assert request.result().json["may_have_run"] is True


async def test_an_undeclared_exception_tells_the_client_nothing(kitchen: Kitchen) -> None:
    kitchen.errors["so"] = ZeroDivisionError("secret")
    answer = await make_driver(kitchen, ManualClock())("GET", "/fails/so")

    assert answer.status == 500
    assert answer.json["type"] == "/problems/outgrow.CallFailed"
    assert b"secret" not in answer.body
    assert b"ZeroDivision" not in answer.body


async def test_the_call_of_a_client_that_went_away_is_cancelled_behind_the_reception(
    kitchen: Kitchen,
) -> None:
    edge = make_driver(kitchen, ManualClock()).edge
    scope = {"type": "http", "method": "GET", "path": "/slow", "query_string": b"", "headers": []}
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        await kitchen.started.wait()
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await edge(scope, receive, send)

    assert kitchen.cancelled.is_set()
    assert sent == []
