"""Events change and are renamed while their writers and their readers are different processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from outgrow.journal.nats import nats_broker
from outgrow.journal.nats import relay as relay_room
from tests.journal.evolving import PAYMENTS, Town, living
from tests.journal.nats.parts import wait_until
from tests.journal.nats.server import NatsServer

Live = Callable[..., AbstractAsyncContextManager[Town]]

RENAMED = PAYMENTS[1].replace("Paid(", "Charged(")
RENAMED = RENAMED.replace('key="order_id")', 'key="order_id", aliases=["Paid"])')

UNHEARD = """
class Charged(Event, key=None):
    text: str
"""


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    yield
    for name in ("payments", "ledger"):
        sys.modules.pop(name, None)


@pytest.fixture
def payments(tmp_path: Path, server: NatsServer) -> Live:
    """``async with payments(2) as town``: the process that records."""
    return lambda version: living(
        tmp_path, version, services=("payments",), broker=nats_broker(server.url)
    )


@pytest.fixture
def ledger(tmp_path: Path, server: NatsServer) -> Live:
    """``async with ledger(2) as town``: the process that listens."""
    return lambda version, since="now": living(
        tmp_path, version, services=("ledger",), broker=nats_broker(server.url), since=since
    )


async def test_every_version_that_listens_hears_every_older_one(payments: Live, ledger: Live):
    paid = []
    for version in (1, 2, 3):
        async with payments(version) as till, ledger(version, since="beginning") as books:
            await till.pay(("a", version), ("b", version))
            paid += [f"a {version}", f"b {version}"]
            await books.wait_bookings(paid)


async def test_a_late_reader_hears_the_old_names_from_stream_and_journal(
    payments: Live, ledger: Live, monkeypatch: pytest.MonkeyPatch
):
    """The stream is made anew for the new name, and is filled with a part only."""
    monkeypatch.setattr(relay_room, "REFILLED_EVENTS_MAX", 50)
    for version in (1, 2):
        async with payments(version) as till:
            await till.pay(*[(f"{version}-{n}", n) for n in range(40)])
    async with payments(3) as till, ledger(3, since="beginning") as books:
        await till.pay(("last", 1))
        expected = [f"{version}-{n} {n}" for version in (1, 2) for n in range(40)]
        await books.wait_bookings([*expected, "last 1"])


async def test_an_old_reader_hears_the_new_name_from_stream_and_journal(
    payments: Live, ledger: Live, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(relay_room, "REFILLED_EVENTS_MAX", 10)
    async with payments(1) as till:
        await till.pay(*[(f"1-{n}", n) for n in range(40)])
    async with payments(RENAMED) as till:
        await till.pay(*[(f"2-{n}", n) for n in range(40)])
    async with payments(PAYMENTS[1] + UNHEARD):
        pass  # Other events are public here, so the stream is made anew.
    async with payments(RENAMED), ledger(1, since="beginning") as books:
        expected = [f"{version}-{n} {n}" for version in (1, 2) for n in range(40)]
        await books.wait_bookings(expected)


async def test_those_who_listen_are_replaced_first(payments: Live, ledger: Live):
    """They know the name of tomorrow, and the process that records does not yet."""
    async with payments(1) as till:
        async with ledger(1) as books:
            await till.pay(("a", 1))
            await books.wait_bookings(["a 1"])
        await till.pay(("a", 2))
        async with ledger(3) as books:
            await till.pay(("a", 3))
            await books.wait_bookings(["a 1", "a 2", "a 3"])
            await till.pay(("a", 4))
            await books.wait_bookings(["a 1", "a 2", "a 3", "a 4"])
    async with payments(3) as till, ledger(3) as books:
        await till.pay(("a", 5))
        await books.wait_bookings([f"a {n}" for n in range(1, 6)])


async def test_who_records_is_replaced_first_by_a_version_that_renames_an_event(
    payments: Live, ledger: Live
):
    """Those who listen know the former name only, and are told by it."""
    async with payments(1), ledger(1):
        pass
    async with payments(RENAMED) as till:
        await till.pay(("a", 1))
        async with ledger(1) as books:
            await books.wait_bookings(["a 1"])
            await till.pay(("a", 2), ("b", 1))
            await books.wait_bookings(["a 1", "a 2", "b 1"])
        async with ledger(RENAMED) as books:
            await till.pay(("a", 3))
            await books.wait_bookings(["a 1", "a 2", "b 1", "a 3"])


@pytest.mark.parametrize("version", [2, 3])
async def test_who_records_is_replaced_first_by_a_version_with_another_schema(
    payments: Live, ledger: Live, version: int
):
    """Nothing is lost: what cannot be read yet is kept for the version that can."""
    async with payments(1) as till, ledger(1) as books:
        await till.pay(("a", 1))
        await books.wait_bookings(["a 1"])
    async with payments(version) as till:
        await till.pay(("a", 2))
        async with ledger(1) as books:
            key, error = await books.wait_parked()
            assert (key, "by a newer version" in error) == ("a", True)
        async with ledger(version) as books:
            await till.pay(("a", 3), ("b", 1))
            await books.wait_bookings(["a 1", "b 1"])
            assert await books.delivery.replay("ledger.book", "a") == 2
            await books.wait_bookings(["a 1", "b 1", "a 2", "a 3"])


async def test_a_reader_waits_for_what_the_recording_process_cannot_let_go_yet(
    payments: Live, ledger: Live
):
    """It went back to a version that does not know the name under which an event was recorded."""
    async with payments(1), ledger(1):
        pass
    async with payments(RENAMED) as till:
        await till.pay(("a", 2))
    async with payments(1) as till, ledger(RENAMED) as books:
        await till.pay(("a", 3))
        (remote,) = books.delivery._listening.sources.values()
        await wait_until(lambda: remote.asked > 2)
        assert await books.bookings() == []
    async with payments(RENAMED), ledger(RENAMED) as books:
        await books.wait_bookings(["a 2", "a 3"])
