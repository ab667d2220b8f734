"""
20. The same work together, wired, apart, and while services move out of the process or back in the
middle of it: the final state is the same to the letter, and the history of each is right.

With sagas come: a new version of one with a hundred of the old under way.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from outgrow import using
from outgrow.testing import ApartWorld, PostgresServer, World
from outgrow.testing.hosts import Hosts
from tests.crash import lists_invariants
from tests.crash.lists import LATER, NAMES, TIMER_SECONDS, commands
from tests.crash.lists_invariants import Lists, lists_in, recorded_lists
from tests.crash.reading import Tables, postgres_tables, sqlite_tables
from tests.faults.lists.copies.contract import Copies
from tests.faults.lists.source.contract import Source

FILE = Path(__file__).parent / "lists" / "outgrow.toml"
SUITES = {
    "together": ("together",),
    "wired": ("wired",),
    "apart": ("apart",),
    "moved out": ("together", "apart"),
    "moved back": ("apart", "together"),
    "moved out, back and out": ("together", "apart", "wired", "apart"),
}
"""In which worlds the work is done, one after the other."""

QUICK = {"sqlite": list(SUITES), "postgres": ["together", "moved out, back and out"]}
"""Those of every run; the long one does all."""

Replies = list[tuple[str, Any]]


def world_of(name: str, state: Path, hosts: Hosts) -> World:
    return ApartWorld(FILE, state, hosts) if name == "apart" else World(name, FILE, state)


async def work(world: World, name: str, part: int, parts: int, replies: Replies) -> None:
    """Ask for a part of what is asked of one list; what overlaps with the part before repeats."""
    asked = commands(name)
    begin, end = len(asked) * part // parts, len(asked) * (part + 1) // parts
    for key, method, arguments in asked[max(begin - 1, 0) : end]:
        client = using(world.client(Source), key=key)
        replies.append((key, await getattr(client, method)(**arguments)))


async def run(
    phases: tuple[str, ...], state: Path, hosts: Hosts, server: PostgresServer | None
) -> tuple[Replies, dict[str, str]]:
    """Do the work, and move in the middle of it: what is under way is left to the next world."""
    replies: Replies = []
    stores: dict[str, str] = {}
    clock = 0.0
    for part, name in enumerate(phases):
        world = world_of(name, state, hosts)
        if server is not None and not stores:
            await world.keep_in(server, all_services=True)
            stores = world.stores
        world.stores = stores
        world.clock.advance(clock)
        await world.start()
        try:
            await world.client(Copies).fail_next("b", 2)
            async with asyncio.TaskGroup() as group:
                for one in (*NAMES, *LATER):
                    group.create_task(work(world, one, part, len(phases), replies))
            if part == len(phases) - 1:
                await world.settle()
                world.clock.advance(TIMER_SECONDS)
                await world.settle()
            clock += 60.0
        finally:
            await world.stop()
    return replies, stores


def state_of(tables: Tables) -> dict[str, Lists]:
    """All that the services hold in the end."""
    held = {
        "recorded": recorded_lists(tables),
        "item": lists_in(tables, "source", "item"),
        "noted": lists_in(tables, "source", "noted"),
        "copied": lists_in(tables, "copies", "copied"),
    }
    confirmed = lists_in(tables, "source", "confirmed")
    return held | {"confirmed": {name: sorted(values) for name, values in confirmed.items()}}


def look(
    state: Path, stores: dict[str, str], replies: Replies
) -> tuple[list[str], dict[str, Lists]]:
    """What is wrong, and what is held."""
    services = lists_invariants.services
    opened = postgres_tables(stores) if stores else sqlite_tables(state, services)
    with opened as tables:
        return lists_invariants.at_the_end(tables, replies), state_of(tables)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("store", QUICK)
async def test_the_final_state_is_the_same_wherever_it_was_done(
    store: str, outgrow_postgres: PostgresServer, outgrow_hosts: Hosts, tmp_path: Path
) -> None:
    server = outgrow_postgres if store == "postgres" else None
    await compare(QUICK[store], tmp_path, outgrow_hosts, server)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_the_final_state_is_the_same_in_every_way_on_postgresql(
    outgrow_postgres: PostgresServer, outgrow_hosts: Hosts, tmp_path: Path
) -> None:
    await compare(list(SUITES), tmp_path, outgrow_hosts, outgrow_postgres)


async def compare(
    suites: list[str], folder: Path, hosts: Hosts, server: PostgresServer | None
) -> None:
    """Run the suites, look for what is wrong in each, and for what differs between them."""
    held = {}
    for suite in suites:
        replies, stores = await run(SUITES[suite], folder / suite, hosts, server)
        wrong, held[suite] = await asyncio.to_thread(look, folder / suite, stores, replies)
        assert wrong == [], f"{suite}: {wrong}"

    expected = ordered(held["together"])
    assert {suite: state for suite, state in held.items() if ordered(state) != expected} == {}


def ordered(state: dict[str, Lists]) -> dict[str, Lists]:
    """Timers that are due at once are said in any order; all other order counts."""
    return {
        what: {name: sorted(v) if name in LATER else v for name, v in lists.items()}
        for what, lists in state.items()
    }
