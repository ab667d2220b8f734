"""Units that only record: one commit for many, and none of them pays for its neighbour."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import CommitUnknown, StatementFailed, StoreUnreachable
from outgrow.journal import SCHEMA, Outbox
from outgrow.store import Store, Transaction
from outgrow.store.postgres.connection import Connection
from outgrow.store.postgres.pool import Pool


@pytest.fixture
async def store(open_at: Any) -> Store:
    return await open_at(schemas=[SCHEMA], outbox=Outbox("s", SystemClock()))


def say(store: Store, body: str, key: str = "k") -> Any:
    async def unit(tx: Transaction) -> str:
        row = (body, "event", "s.E", 1, None, key, 0, None, "", "", "", None, "", body)
        tx.entries.append(row)
        return body

    return store.transact(unit)


async def said(store: Store) -> Counter[str]:
    async with store.read() as snapshot:
        rows = await snapshot.own("select body from outgrow_journal")
    return Counter(body for (body,) in rows)


async def test_units_of_one_moment_share_a_commit_and_keep_their_order(store: Store) -> None:
    await say(store, "")
    bodies = [f"{n:03}" for n in range(100)]
    assert await asyncio.gather(*[say(store, body) for body in bodies]) == bodies

    async with store.read() as snapshot:
        rows = await snapshot.own("select body from outgrow_journal order by position")
    assert [body for (body,) in rows] == ["", *bodies]
    assert store.statistics()["grouped_commits"] <= 3


async def test_one_that_cannot_be_written_fails_alone(store: Store) -> None:
    outcomes = await asyncio.gather(
        say(store, "a"), say(store, "b", "NUL: \0"), say(store, "c"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [str, StatementFailed, str]
    assert await said(store) == {"a": 1, "c": 1}


async def test_a_server_that_goes_away_between_single_writes_doubles_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await said(store)
    acquire, calls = Pool.acquire, 0

    async def fails_once(self: Any) -> Connection:
        nonlocal calls
        calls += self._size == 1
        if calls == 3:
            calls += 1
            raise StoreUnreachable("here", "it was restarted just now")
        return await acquire(self)

    monkeypatch.setattr(Pool, "acquire", fails_once)
    outcomes = await asyncio.gather(
        say(store, "a"), say(store, "b", "NUL: \0"), say(store, "c"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [str, StatementFailed, str]
    assert await said(store) == {"a": 1, "c": 1}


@pytest.mark.parametrize("has_happened", [False, True])
async def test_a_connection_that_is_lost_in_the_copy_leaves_nobody_guessing_in_silence(
    store: Store, monkeypatch: pytest.MonkeyPatch, has_happened: bool
) -> None:
    copy = Connection.copy

    async def cut(self: Any, *args: Any) -> None:
        if has_happened:
            await copy(self, *args)
        raise ConnectionResetError("cut")

    with monkeypatch.context() as cutting:
        cutting.setattr(Connection, "copy", cut)
        outcomes = await asyncio.gather(say(store, "a"), say(store, "b"), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [CommitUnknown] * 2
    assert await said(store) == ({"a": 1, "b": 1} if has_happened else {})
    assert await say(store, "c") == "c"


async def test_a_leader_that_is_cancelled_leads_its_followers_to_the_end(store: Store) -> None:
    await said(store)
    create_task = asyncio.get_running_loop().create_task
    leader, follower = create_task(say(store, "a")), create_task(say(store, "b"))
    await SystemClock().sleep(0)
    leader.cancel()

    await asyncio.wait([leader, follower])
    assert leader.cancelled()
    assert follower.result() == "b"
    assert (await said(store))["b"] == 1
    assert await say(store, "c") == "c"
