"""
Long histories with kills, restarts and events that come twice: nothing lost, doubled or reordered.

The checker is `tests.faults.history`; what it finds is planted in its own tests.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from outgrow.errors import StoreError
from outgrow.process import leashed
from outgrow.store import Transaction as Unit
from tests.crash.harness import Machine, MachineMaker, end, seed, shared
from tests.crash.lists_invariants import by_name
from tests.crash.points import ROOT
from tests.crash.reading import Tables
from tests.faults.appending import plan, read_acknowledged, shares
from tests.faults.history import Transaction, check_delivery, check_transactions
from tests.faults.machines import STORES
from tests.journal.shop import Shop

SERVICES = ("source", "copies")
EVENTS = {"sqlite": 6_000, "postgres": 1_500}
LONG_EVENTS = {"sqlite": 1_000_000, "postgres": 100_000}
LIFE_SECONDS_MAX = 1800.0
Tell = Callable[[str], None]


def append_with_kills(
    state: Path, machine: Machine, total: int, *, kills: int, chance: random.Random, seconds: float
) -> int:
    """Append until all is there, killed some times on the way; how many lives it took."""
    left = kills
    for life in itertools.count(1):
        machine.begin()
        process = spawn(state, total, machine, *(["--twice"] if chance.random() < 0.5 else []))
        try:
            assert process.stdout is not None
            assert "started" in process.stdout.readline(), process.communicate()[1]
            if left > 0:
                left -= 1
                try:
                    process.wait(chance.uniform(0, seconds))
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
            said, log = process.communicate(timeout=LIFE_SECONDS_MAX)
        finally:
            end(process)
        machine.end()
        if "done" in said:
            return life
        assert process.returncode == -signal.SIGKILL, log[-3_000:]
    raise AssertionError


def spawn(state: Path, total: int, machine: Machine, *options: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.faults.appending", str(state), str(total)]
    return subprocess.Popen(
        leashed(*program, *options),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", **machine.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def anomalies(tables: Tables, state: Path, total: int) -> list[str]:
    """What is wrong in the end."""
    asked: dict[str, list[int]] = {}
    for client, share in enumerate(shares(total)):
        for _, name, values in plan(client, share):
            asked.setdefault(name, []).extend(values)
    found = [f"source: {one}" for one in check_delivery(asked, recorded_of(tables))]
    keys = {key for c, share in enumerate(shares(total)) for key, _, _ in plan(c, share)}
    found += [f"{key} was never acknowledged" for key in keys - read_acknowledged(state)]
    return found + anomalies_of_lists(tables)


def recorded_of(tables: Tables) -> dict[str, list[int]]:
    """The lists as the journal has them."""
    events = tables.rows("source", "select body from outgrow_journal order by position")
    return by_name((body["name"], body["value"]) for (text,) in events for body in [_read(text)])


def anomalies_of_lists(tables: Tables, *, is_finished: bool = True) -> list[str]:
    """What is wrong in what became of the journal."""
    found, recorded = [], recorded_of(tables)
    for service, table in (("source", "item"), ("source", "noted"), ("copies", "copied")):
        rows = tables.rows(service, f"select name, value from {table} order by place")
        is_whole = is_finished or table == "item"
        wrong = check_delivery(recorded, by_name(rows), is_finished=is_whole)
        found += [f"{table}: {one}" for one in wrong]
    confirmed = tables.rows("source", "select name, value from confirmed")
    expected = {(n, v) for n, values in recorded.items() for v in values if v % 10 == 0}
    if len(confirmed) != len(set(confirmed)) or (is_finished and set(confirmed) != expected):
        found.append(f"confirmed {len(confirmed)}, expected {len(expected)}")
    return found


_read = json.JSONDecoder().decode


@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", STORES)
def test_a_history_with_kills_restarts_and_repeats(
    store: str, tmp_path: Path, machines: dict[str, MachineMaker]
) -> None:
    total = EVENTS[store]
    run_history(store, tmp_path, machines[store](tmp_path), total=total, kills=2, seconds=0.8)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("store", shared(STORES))
def test_a_history_of_a_million_events(
    store: str, tmp_path: Path, machines: dict[str, MachineMaker], tell: Tell
) -> None:
    """A tenth of that on PostgreSQL, where it takes as long."""
    machine, total = machines[store](tmp_path), LONG_EVENTS[store]
    tell(run_history(store, tmp_path, machine, total=total, kills=12, seconds=20.0))


def run_history(
    store: str, state: Path, machine: Machine, *, total: int, kills: int, seconds: float
) -> str:
    chance = random.Random(f"{seed()} history {store}")
    began = perf_counter()
    lives = append_with_kills(state, machine, total, kills=kills, chance=chance, seconds=seconds)
    took = perf_counter() - began
    with machine.tables(state, SERVICES) as tables:
        found = anomalies(tables, state, total)
    told = f"{store}: {total} events in {took:.0f} s and {lives} lives, seed {seed()}"
    assert found == [], f"{told}: {found[:10]}"
    return told


CLIENTS = 16
TABLE = "create table lists (place integer primary key autoincrement, name text, value integer)"


async def transact_at_random(
    shop: Shop, count: int, chance: random.Random
) -> tuple[list[Transaction], dict[str, list[int]]]:
    """What clients saw who read and append to several lists at once, and the lists in the end."""
    store = shop.stores["orders"]
    moments, numbers = itertools.count(1), itertools.count(1)
    history: list[Transaction] = []

    async def unit(tx: Unit, told: Transaction, names: Sequence[str]) -> None:
        told.reads.clear()
        told.appends.clear()
        for name in names:
            told.reads.append((name, tuple(await read(tx, name))))
            if chance.random() < 0.6:
                value = next(numbers)
                await append(tx, name, value)
                told.appends.append((name, value))
        if chance.random() < 0.1:
            raise LookupError("after all not")

    async def client(number: int) -> None:
        for n in range(count // CLIENTS):
            names = [f"{name}{n // 40}" for name in chance.sample("abcd", chance.randint(1, 3))]
            told = Transaction(f"T{number}.{n}", began=next(moments))
            history.append(told)
            try:
                await store.transact(unit, told, names)
            except LookupError:
                told.state = "aborted"
            except StoreError:
                told.state = "unknown"
                continue
            told.ended = next(moments)

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
    async with store.read() as snapshot:
        rows = await snapshot.own("select name, value from lists order by place")
    return history, by_name(rows)


async def read(tx: Unit, name: str) -> list[int]:
    return await tx.fetch_all(
        int, "select value from lists where name = :name order by place", name=name
    )


async def append(tx: Unit, name: str, value: int) -> None:
    sql = "insert into lists (name, value) values (:name, :value)"
    await tx.execute(sql, name=name, value=value)


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the orders have a table of lists."""
    from tests.journal import orders

    monkeypatch.setattr(orders, "MIGRATION", f"{orders.MIGRATION}\n{TABLE};")


async def test_units_at_once_are_strictly_serializable(lists: None, shop: Shop) -> None:
    history, final = await transact_at_random(shop, 400, random.Random(seed()))

    found = check_transactions(history, final)
    assert found == [], f"seed {seed()}: {[str(one) for one in found[:5]]}"
    assert sum(len(values) for values in final.values()) > 200


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(5))
async def test_many_units_at_once_are_strictly_serializable(
    number: int, lists: None, shop: Shop
) -> None:
    history, final = await transact_at_random(shop, 4_000, random.Random(f"{seed()} {number}"))

    found = check_transactions(history, final)
    assert found == [], f"seed {seed()}: {[str(one) for one in found[:5]]}"


@pytest.mark.parametrize("store_kind", ["postgres"], indirect=True)
async def test_a_store_that_is_only_read_committed_is_found_out(
    lists: None, store_kind: str, run_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outgrow.store.postgres import units

    monkeypatch.setattr(units, "BEGIN", "begin isolation level read committed")
    async with run_shop(deliver=False) as shop:
        history, final = await transact_at_random(shop, 400, random.Random(seed()))

    assert check_transactions(history, final) != []
