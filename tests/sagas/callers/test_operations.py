"""Whoever began a saga over HTTP asks how it stands, wherever its service is; nobody else may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow.errors import StillRunning
from outgrow.testing import World
from tests.gateway.conftest import Answer, Driver
from tests.sagas.callers.booking.contract import Bookings
from tests.sagas.callers.harbour import HALF_AN_HOUR, http, paused, run_out_of_time


@pytest.fixture
async def ask(world: World) -> Driver:
    return http(world)


async def begun(world: World, ask: Driver, how: str) -> Answer:
    """What Ada was answered who booked a ship that takes its time."""
    body = {"ship": "Ada", "how": how}
    async with asyncio.TaskGroup() as group:
        posting = ask("POST", "/bookings", body, idempotency_key="7", x_user="ada")
        calling = group.create_task(posting)
        await paused(world)
        await run_out_of_time(world, calling)
    return calling.result()


async def test_a_saga_that_goes_on_is_asked_for_until_it_ends(world: World, ask: Driver) -> None:
    answer = await begun(world, ask, "with the tide")
    place = answer.headers["location"]

    assert (answer.status, answer.headers["retry-after"]) == (202, "1")
    assert answer.headers["idempotency-key"] == "7"
    assert place == f"/operations/{answer.json['id']}"
    assert answer.json["state"] == "running"

    running = await ask("GET", place, x_user="ada")
    assert (running.status, running.headers["retry-after"]) == (200, "1")
    assert (running.json["state"], running.json["method"]) == ("running", "booking.book")
    assert running.json["ended_at"] is None

    world.clock.advance(HALF_AN_HOUR)
    await world.settle()

    done = await ask("GET", place, x_user="ada")
    assert (done.json["state"], done.json["reply"]) == ("completed", "Ada has 1")
    assert "retry-after" not in done.headers
    body = {"ship": "Ada", "how": "with the tide"}
    again = await ask("POST", "/bookings", body, idempotency_key="7", x_user="ada")
    assert (again.status, again.json) == (200, "Ada has 1")


async def test_nobody_else_learns_that_it_is_there(world: World, ask: Driver) -> None:
    place = (await begun(world, ask, "with the tide")).headers["location"]

    async def met(user: str, allow: str) -> int:
        return (await ask("GET", place, x_user=user, x_allow=allow)).status

    assert await met("ada", "bookings:write") == 200
    assert await met("eve", "*") == 200
    assert await met("eve", "bookings:write") == 404
    assert await met("", "bookings:write") == 404
    assert await met("ada", "bookings:read") == 404
    for unknown in ("booking-7", "booking", "cranes-7", "nobody-7", "%20"):
        answer = await ask("GET", f"/operations/{unknown}", x_user="ada")
        assert answer.status == 404
        assert answer.json["type"] == "/problems/outgrow.OperationUnknown"


async def test_the_problem_for_which_it_was_undone_is_told(world: World, ask: Driver) -> None:
    place = (await begun(world, ask, "with the ebb")).headers["location"]
    world.clock.advance(HALF_AN_HOUR)
    await world.settle()

    undone = (await ask("GET", place, x_user="ada")).json
    body = {"ship": "Ada", "how": "with the ebb"}
    direct = await ask("POST", "/bookings", body, idempotency_key="7", x_user="ada")

    assert undone["state"] == "undone"
    assert direct.status == 409
    for member in ("type", "title", "status", "detail", "ship"):
        assert undone["problem"][member] == direct.json[member]
    assert undone["problem"]["type"] == "/problems/booking.NoBerth"


@pytest.mark.worlds("together", "apart")
async def test_what_is_not_begun_over_http_is_not_told_there(world: World, ask: Driver) -> None:
    client: Any = world.client(Bookings)  # type: ignore[type-abstract]
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(_met(client.book_inside("Ada", "slowly")))
        await paused(world)
        await run_out_of_time(world, calling)

    place = f"/operations/{calling.result().saga_id}"
    assert (await ask("GET", place, x_user="ada", x_allow="*")).status == 404


async def _met(calling: Any) -> StillRunning:
    with pytest.raises(StillRunning) as caught:
        await calling
    return caught.value
