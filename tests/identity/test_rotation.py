"""Certificates are renewed while calls go on, and none is dropped."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.clock import SystemClock
from outgrow.identity.certificates import Authority, Identity, Issuer
from tests.identity.conftest import Town, name_of

CALLERS = 16


class Load:
    """Callers that ask one after the other; counts what they got, and keeps what they met."""

    def __init__(self, town: Town, front: Identity) -> None:
        self.answered = 0
        self.failures: list[BaseException] = []
        self.transport = town.connect(front)
        self._town = town
        self._is_over = asyncio.Event()

    async def caller(self) -> None:
        while not self._is_over.is_set():
            try:
                assert await self._town.ask(self.transport, "hello") == "hello"
                self.answered += 1
            except Exception as error:  # noqa: BLE001 - counted
                self.failures.append(error)

    async def answers(self, more: int) -> None:
        """Wait until *more* calls have been answered."""
        clock, until = SystemClock(), self.answered + more
        async with asyncio.timeout(30):
            while self.answered < until and not self.failures:
                await clock.sleep(0.001)

    async def rotate(self, times: int, *identities: Identity) -> None:
        for _ in range(times):
            self._town.issuer.renew(is_forced=True)
            for identity in identities:
                identity.look_again()
            await self.answers(more=3 * CALLERS)

    def end(self) -> None:
        self._is_over.set()


async def _rotated(town: Town, times: int) -> Load:
    await town.start()
    front, back = town.identity("front"), town.guard.identity
    load = Load(town, front)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(load.caller())
        await load.answers(more=CALLERS)
        await load.rotate(times, front, back)
        load.end()
    assert front.generation == times + 1
    assert back.generation == times + 1
    return load


async def test_no_call_is_dropped_while_certificates_rotate(town: Town):
    load = await _rotated(town, times=6)

    assert load.failures == []
    assert load.answered >= 6 * 3 * CALLERS


@pytest.mark.long
async def test_no_call_is_dropped_while_certificates_rotate_often(town: Town):
    load = await _rotated(town, times=200)

    assert load.failures == []


async def test_a_call_goes_on_over_the_connection_that_it_began_on(town: Town):
    await town.start()
    front = town.identity("front")
    transport = town.connect(front)
    may_end = asyncio.Event()

    async def slow(text: str) -> str:
        await may_end.wait()
        return text

    town.wire.on("echo", slow)
    async with asyncio.TaskGroup() as tasks:
        begun = tasks.create_task(town.ask(transport, "before"))
        async with asyncio.timeout(10):
            while not town.wire.received:
                await SystemClock().sleep(0.001)
        town.issuer.renew(is_forced=True)
        front.look_again()
        after = tasks.create_task(town.ask(transport, "after"))
        async with asyncio.timeout(10):
            while len(town.wire.received) < 2:
                await SystemClock().sleep(0.001)
        kept = transport._channel
        assert len(kept._before) == 1
        may_end.set()

    assert (begun.result(), after.result()) == ("before", "after")
    async with asyncio.timeout(10):
        while kept._before:  # It is closed as soon as its last call has ended.
            await SystemClock().sleep(0.001)


async def test_the_next_authority_is_believed_beside_the_one_before(town: Town):
    """As cert-manager does it: first everybody believes both, then certificates are of the new."""
    await town.start()
    front, back = town.identity("front"), town.guard.identity
    load = Load(town, front)
    following = Authority(SystemClock())
    both = town.authority.certificate + following.certificate
    later = Issuer(following, town.folder / "papers", SystemClock())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(load.caller())
        await load.answers(more=CALLERS)
        for identity in (front, back):
            (identity.folder / "ca.crt").write_bytes(both)
            identity.look_again()
        await load.answers(more=CALLERS)
        for identity in (front, back):
            later.provide(name_of(identity.name.process))
            (identity.folder / "ca.crt").write_bytes(both)
            identity.look_again()
            await load.answers(more=CALLERS)
        load.end()

    assert load.failures == []
    assert front.generation >= 3
