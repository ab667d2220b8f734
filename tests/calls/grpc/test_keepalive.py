"""Connections that lead nowhere are noticed in the time that is said, by both sides."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.calls.grpc import options
from outgrow.errors import ServiceUnreachable
from outgrow.testing.faults import Fault, Proxies

PING_SECONDS = 0.3
ANSWER_SECONDS = 0.3
LEAST_SECONDS = 1.0
"""gRPC lets at least so much pass between two pings."""

NOTICED_SECONDS = LEAST_SECONDS + PING_SECONDS + ANSWER_SECONDS
SLACK_SECONDS = 8.0
"""A loaded machine is not what is tried; without pings these calls would take their 60 s."""


@pytest.fixture
async def way(unstarted, monkeypatch, stack):
    """A wire with quick pings, and the proxy that its bytes pass."""
    monkeypatch.setattr(options, "KEEPALIVE_SECONDS", PING_SECONDS)
    monkeypatch.setattr(options, "KEEPALIVE_ANSWER_SECONDS", ANSWER_SECONDS)
    await unstarted.start()
    proxies = Proxies()
    stack.push_async_callback(proxies.close)
    proxy = await proxies.add(unstarted.address)
    unstarted.address = proxy.address
    unstarted.transport = unstarted.connect()

    async def echo(text):
        return text

    unstarted.on("echo", echo)
    assert await unstarted.call("echo", "warm") == "warm"
    return unstarted, proxies, proxy


@pytest.mark.parametrize(
    "fault", [Fault(half_open=True), Fault(black_hole=True)], ids=["half open", "black hole"]
)
async def test_a_call_ends_when_its_connection_leads_nowhere(way, fault):
    wire, proxies, proxy = way
    entered = asyncio.Event()

    async def wait():
        entered.set()
        await asyncio.Event().wait()

    wire.on("wait", wait)
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(_met(wire.call("wait", seconds=60.0)))
        await entered.wait()
        await proxies.begin(proxy, fault)
        began = wire.clock.monotonic()

    met = call.result()
    assert isinstance(met, ServiceUnreachable)
    assert met.may_have_run is True
    assert wire.clock.monotonic() - began < NOTICED_SECONDS + SLACK_SECONDS


async def test_a_callee_notices_that_its_caller_is_gone(way):
    wire, proxies, proxy = way
    entered, ended = asyncio.Event(), asyncio.Event()

    async def wait():
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    wire.on("wait", wait)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_met(wire.call("wait", seconds=60.0)))
        await entered.wait()
        await proxies.begin(proxy, Fault(black_hole=True))
        await asyncio.wait_for(ended.wait(), NOTICED_SECONDS + SLACK_SECONDS)


async def test_an_idle_connection_is_found_before_a_call_meets_it(way):
    wire, proxies, proxy = way
    await proxies.begin(proxy, Fault(half_open=True))
    (link,) = proxy.links
    async with asyncio.timeout(NOTICED_SECONDS + SLACK_SECONDS):
        while link in proxy.links:
            await wire.clock.sleep(0.02)

    assert await wire.call("echo", "again", seconds=60.0) == "again"


async def test_who_is_pinged_often_does_not_cut_anybody(way):
    wire, _, proxy = way
    (link,) = proxy.links
    await wire.clock.sleep(2 * LEAST_SECONDS)

    assert await wire.call("echo", "still here") == "still here"
    assert list(proxy.links) == [link]


async def test_after_a_partition_calls_pass_again(way):
    wire, proxies, proxy = way
    await proxies.begin(proxy, Fault(black_hole=True))
    with pytest.raises(ServiceUnreachable):
        await wire.call("echo", "x", seconds=60.0)
    await proxies.heal(proxy)
    healed = wire.clock.monotonic()
    async with asyncio.timeout(SLACK_SECONDS):
        while not isinstance(await _met(wire.call("echo", "x")), str):
            pass

    assert wire.clock.monotonic() - healed < 2.0 + SLACK_SECONDS


async def _met(call):
    try:
        return await call
    except ServiceUnreachable as error:
        return error
