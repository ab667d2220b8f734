"""A replica that stops lets its calls end and gets no new ones; nobody's call fails."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from benchmarks.replicas import Load, Stock, caller
from outgrow.calls import Reception
from outgrow.calls.grpc import GrpcServer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.calls.reaching import peers
from outgrow.clock import SystemClock
from outgrow.contracts import read_contract
from outgrow.discovery import Endpoint
from outgrow.telemetry import Meters

LIMIT_SECONDS = 30.0


class Stocked(Stock):
    """Counts what begins and what ends; a call ends when it may."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.begun = self.ended = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def count(self, item: str) -> int:
        self.begun += 1
        await self.may_end.wait()
        self.ended += 1
        return self.number

    take = count


async def until(is_so) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not is_so():
            await SystemClock().sleep(0.005)


async def serve(stack: AsyncExitStack, service: Stocked) -> tuple[GrpcServer, Endpoint]:
    model, clock = read_contract(Stock), SystemClock()
    reception = Reception(clock, Meters(), lambda *_: 1_000)
    reception.admit(model, service, None)
    server = GrpcServer(Converters(Messages("replicas", [model])), reception.bind, clock)
    server.admit(model)
    address = await server.start("127.0.0.1:0")
    stack.push_async_callback(server.drain, 0)
    name = str(service.number)
    return server, Endpoint(service="stock", address=address, process=name, instance=name)


async def test_one_that_stops_gets_no_new_calls_and_ends_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Calls are known to take long, so that nobody wonders why these do.
    monkeypatch.setattr(peers, "LONGEST_SECONDS", LIMIT_SECONDS)
    async with AsyncExitStack() as stack:
        services = [Stocked(0), Stocked(1)]
        (stopping, first), (_, second) = [await serve(stack, each) for each in services]
        client, balanced = await stack.enter_async_context(
            caller((first, second), is_balanced=True)
        )
        load = Load(client, per_tick=1, deadline_seconds=LIMIT_SECONDS)
        async with load.running():
            await until(lambda: len(load.made) > 20)
            for service in services:
                service.may_end.clear()
            await until(lambda: services[0].begun - services[0].ended > 1)
            async with asyncio.TaskGroup() as group:
                drained = group.create_task(stopping.drain(LIMIT_SECONDS))
                await until(lambda: balanced.statistics()["endpoints"][0]["left_out"])
                begun, elsewhere = services[0].begun, services[1].begun
                await until(lambda: services[1].begun > elsewhere + 50)
                assert services[0].begun == begun
                assert not drained.done()
                for service in services:
                    service.may_end.set()
            ended = services[0].ended

    assert ended == begun
    assert not load.failed
