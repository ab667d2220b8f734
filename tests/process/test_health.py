"""Whether a process lives, has started, and which of its services are ready."""

from __future__ import annotations

import asyncio
import logging
import threading
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.gateway import Listener
from outgrow.process import Options, start_application
from outgrow.process.control import control_verbs
from outgrow.process.health import Health, readiness, telling
from outgrow.testing import PostgresServer
from outgrow.topology import read_topology

HOOK = """
from outgrow import *
STATE = {"reason": None, "asked": 0}
class Press(Contract):
    @query("GET /pages")
    async def count_pages(self) -> int: ...
@service
class PressService(Press):
    async def ready(self) -> None:
        STATE["asked"] += 1
        if STATE["reason"]:
            raise RuntimeError(STATE["reason"])
    async def count_pages(self) -> int:
        return 1
"""
PROMISED = """
from outgrow import *
class Oven(Contract):
    @query()
    async def ready(self) -> bool: ...
@service
class OvenService(Oven):
    async def ready(self) -> bool:
        raise RuntimeError("this is no hook")
"""
STORED = """
from outgrow import *
class {name}(Contract):
    @query()
    async def count(self) -> int: ...
@service
class {name}Service({name}):
    store: Store
    async def count(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(int, "select 1")
"""


class Hooked:
    """A service with a hook."""

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self.hold: asyncio.Event | None = None

    async def ready(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.reason is not None:
            raise self.reason


@pytest.fixture
def health() -> Health:
    health = Health()
    health.start()
    return health


async def test_it_starts_is_ready_and_stops() -> None:
    health = Health()
    assert health.waiting() == {"application": "it is starting"}
    assert not health.has_started

    health.start()
    assert health.waiting() == {}

    health.stop()
    assert health.waiting() == {"application": "it is stopping"}
    assert health.has_started


async def test_what_a_hook_raises_is_the_reason_and_is_logged_once(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "outgrow.process")
    press = Hooked()
    health.watch("press", None, press, [])
    press.reason = OSError("no paper")

    for _ in range(3):
        await health.look()
    assert health.waiting() == {"press": "OSError: no paper"}
    press.reason = None
    await health.look()

    assert health.waiting() == {}
    assert [record.getMessage() for record in caplog.records] == [
        "service press is not ready: OSError: no paper",
        "service press is ready again",
    ]


async def test_a_hook_that_waits_for_what_was_cancelled_ends_no_looks(health: Health) -> None:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()

    async def wait() -> None:
        await gone

    press, oven = Hooked(), Hooked()
    press.ready = wait  # type: ignore[method-assign]
    oven.reason = OSError("no gas")
    health.watch("press", None, press, [])
    health.watch("oven", None, oven, [])

    for _ in range(2):
        await health.look()

    assert health.waiting() == {"press": "its 'ready' was cancelled", "oven": "OSError: no gas"}


async def test_looks_that_are_cancelled_while_a_hook_is_asked_end(health: Health) -> None:
    is_asked = asyncio.Event()

    async def wait() -> None:
        is_asked.set()
        await asyncio.Event().wait()

    press = Hooked()
    press.ready = wait  # type: ignore[method-assign]
    health.watch("press", None, press, [])
    async with asyncio.TaskGroup() as tasks:
        look = tasks.create_task(health.look())
        await is_asked.wait()
        look.cancel()

    assert look.cancelled()


async def test_a_hook_that_takes_too_long_is_a_reason(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "READY_SECONDS_MAX", 0.01)
    press = Hooked()
    press.hold = asyncio.Event()
    health.watch("press", None, press, [])

    await health.look()

    assert health.waiting() == {"press": "its 'ready' took longer than 0.01 s"}


async def test_one_service_that_is_not_ready_says_nothing_of_others(health: Health) -> None:
    press, oven = Hooked(), Hooked()
    health.watch("press", None, press, [])
    health.watch("oven", None, oven, [])
    press.reason = ValueError()

    await health.look()

    assert health.unready == {"press": "ValueError"}
    assert health.names == {"application", "press", "oven"}


async def test_who_must_know_is_told_of_each_change(health: Health) -> None:
    press, told = Hooked(), []
    health.watch("press", None, press, [])
    heard = asyncio.Event()

    async def tell(services: Any) -> None:
        told.append(set(services))
        heard.set()

    async with telling(health, tell):
        for reason in (OSError("a"), OSError("b"), None):
            press.reason = reason
            await health.look()
            if str(reason) != "b":
                await asyncio.wait_for(heard.wait(), 10)
                heard.clear()

    assert told == [{"press"}, set()]


async def test_in_a_process_that_stops_no_service_is_ready(health: Health) -> None:
    health.watch("press", None, object(), [])
    health.watch("oven", None, object(), [])
    told: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()

    async def tell(services: Any) -> None:
        told.set_result(set(services))

    async with telling(health, tell):
        health.stop()
        health.stop()
        assert await asyncio.wait_for(told, 10) == {"press", "oven"}

    assert health.waiting() == {"application": "it is stopping"}


async def test_a_hook_is_asked_while_the_application_runs_and_no_more_often(write) -> None:
    file = write(press=HOOK)
    async with start_application(read_topology(file), Options()) as application:
        import press

        press.STATE["reason"] = "no paper"
        verbs = control_verbs(application)
        async with asyncio.timeout(20):
            while (told := await verbs["health"]({}))["is_ready"]:
                await SystemClock().sleep(0.01)

        assert told == {
            "is_ready": False,
            "has_started": True,
            "waiting": {"press": "RuntimeError: no paper"},
        }
        assert press.STATE["asked"] == 1


async def test_a_method_that_is_promised_is_no_hook(write) -> None:
    file = write(oven=PROMISED)
    async with start_application(read_topology(file), Options()) as application:
        await application.health.look()

        assert application.health.waiting() == {}


async def test_a_store_that_is_away_makes_exactly_its_service_not_ready(
    write, outgrow_postgres: PostgresServer
) -> None:
    away, there = await outgrow_postgres.database(), await outgrow_postgres.database()
    name = urlsplit(away).path.strip("/")
    file = write(
        orders=STORED.format(name="Orders"),
        stock=STORED.format(name="Stock"),
        notes=STORED.format(name="Notes"),
    )
    options = Options(stores={"orders": away, "stock": there})
    async with start_application(read_topology(file), options) as application:
        health, store = application.health, application.stores["orders"].store
        clock = SystemClock()
        admin = await asyncpg.connect(outgrow_postgres.admin_url)
        try:
            async with asyncio.timeout(30):
                while store.is_away:
                    await clock.sleep(0.01)
                await admin.execute(f'alter database "{name}" allow_connections false')
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                    name,
                )
                while not health.unready:
                    await clock.sleep(0.01)
                told = health.unready

                await admin.execute(f'alter database "{name}" allow_connections true')
                while health.unready:
                    await clock.sleep(0.01)
        finally:
            await admin.close()

    assert told == {"orders": "its store in PostgreSQL cannot be reached"}


def test_a_process_whose_loop_is_blocked_does_not_say_that_it_lives(write) -> None:
    file = write(press=HOOK)
    blocked, free, ended = threading.Event(), threading.Event(), threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with start_application(read_topology(file), Options()) as application:
            listener = Listener(application.asgi, "127.0.0.1:0", SystemClock(), setting="test")
            await listener.start()
            loop = asyncio.get_running_loop()
            found["loop"], found["url"] = loop, f"{listener.url}/health/live"
            ready.set()
            await loop.run_in_executor(None, ended.wait)
            await listener.stop()

    def block() -> None:
        blocked.set()
        free.wait(20)

    def probe(seconds: float) -> int:
        with urllib.request.urlopen(found["url"], timeout=seconds) as answer:
            return answer.status

    ready = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        assert probe(20) == 200
        found["loop"].call_soon_threadsafe(block)
        assert blocked.wait(20)
        with pytest.raises(TimeoutError):
            probe(0.2)
        free.set()
        assert probe(20) == 200
    finally:
        free.set()
        ended.set()
        thread.join(20)
