"""Calls of other services: refused in a unit, and free in the tasks that it leaves behind."""

import asyncio
from typing import Any

import pytest

from outgrow import Contract, query
from outgrow.calls.client import client_class, connect
from outgrow.clock import SystemClock
from outgrow.context import Caller, Context, enter
from outgrow.contracts import read_contract
from outgrow.errors import CallInTransaction
from outgrow.store import Store, Transaction


class Echo(Contract):
    """What the unit would call."""

    @query()
    async def say(self, word: str) -> str:
        """The word."""


async def say(_: Context, word: str) -> str:
    return word


async def test_only_the_unit_itself_cannot_call(store: Store) -> None:
    model = read_contract(Echo)
    client: Any = client_class(model)(lambda _: say, model, SystemClock())
    connect(client)
    enter(Context(caller=Caller(), correlation_id="c", trace_id=1, span_id=1, deadline=9e9))
    tasks: list[asyncio.Task[str]] = []

    async def call_later() -> str:
        return str(await client.say("later"))

    async def unit(_: Transaction) -> None:
        with pytest.raises(CallInTransaction):
            await client.say("inside")
        tasks.append(asyncio.get_running_loop().create_task(call_later()))

    await store.transact(unit)
    assert await tasks[0] == "later"
    assert await client.say("after") == "after"
