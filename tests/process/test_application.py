"""An application inside a program: started, asked, stopped."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

import outgrow
from outgrow.errors import ServiceNotOpened, StoreInUse, StoreOfAnother, StoreUnreadable
from outgrow.process import Options, start_application
from outgrow.topology import read_topology

COUNTER = """
from outgrow import *
LOG = []
class Counted(Event, key=None):
    n: int
class Counter(Contract):
    @command("POST /counts")
    async def count(self) -> int: ...
    @query("GET /log")
    async def get_log(self) -> list[str]: ...
@service
class CounterService(Counter):
    store: Store
    async def open(self) -> None:
        self.log = LOG
        LOG.append("opened")
    async def close(self) -> None:
        self.log.append("closed")
    @transactional
    async def count(self, tx: Transaction) -> int:
        await tx.execute("insert into counts default values")
        n = await tx.fetch_one(int, "select count(*) from counts")
        await tx.record(Counted(n=n))
        return n
    async def get_log(self) -> list[str]:
        return self.log
"""
TABLE = "create table counts (count_id integer primary key);"


@pytest.fixture
def file(write):
    file = write(counter_one=COUNTER)
    (file.parent / "counter_one_migrations").mkdir()
    (file.parent / "counter_one_migrations" / "0001_counts.sql").write_text(TABLE)
    return file


def contract():
    import counter_one

    return counter_one.Counter


async def test_a_service_that_cannot_open_is_told_with_the_line_and_the_cause(write) -> None:
    file = write(counter_broken=COUNTER.replace('LOG.append("opened")', 'int("no number")'))

    with pytest.raises(ServiceNotOpened, match=r"counter_broken\.py:\d+$") as caught:
        async with outgrow.start(file):
            pass

    assert caught.value.service == "counter_broken"
    assert isinstance(caught.value.__cause__, ValueError)


async def test_state_is_kept_beside_the_file_and_outlives_the_application(file) -> None:
    async with outgrow.start(file) as app:
        assert await app.client(contract()).count() == 1
    async with outgrow.start(file) as app:
        assert await app.client(contract()).count() == 2

    assert (file.parent / ".outgrow" / "store" / "counter_one.sqlite3").is_file()


async def test_two_applications_live_in_one_program(file, tmp_path) -> None:
    async with (
        outgrow.start(file, state=tmp_path / "a") as one,
        outgrow.start(file, state=tmp_path / "b") as two,
    ):
        assert await one.client(contract()).count() == 1
        assert await one.client(contract()).count() == 2
        assert await two.client(contract()).count() == 1


async def test_a_second_start_on_the_same_stores_is_refused(file) -> None:
    async with outgrow.start(file) as app:
        with pytest.raises(StoreInUse):
            async with outgrow.start(file):
                pass
        assert await app.client(contract()).count() == 1


async def test_services_are_opened_before_and_closed_after_their_work(file) -> None:
    async with outgrow.start(file) as app:
        assert await app.client(contract()).get_log() == ["opened"]

    import counter_one

    assert counter_one.LOG == ["opened", "closed"]


async def test_a_service_that_cannot_be_opened_stops_the_start_and_frees_the_stores(write) -> None:
    body = COUNTER.replace('LOG.append("opened")', 'raise RuntimeError("no")')
    file = write(closed_one=body)

    for _ in range(2):
        with pytest.raises(ServiceNotOpened, match="RuntimeError: no"):
            async with outgrow.start(file):
                pass


async def test_what_the_program_raises_comes_out_as_it_is(file) -> None:
    with pytest.raises(ZeroDivisionError):
        async with outgrow.start(file):
            raise ZeroDivisionError


async def test_a_cancelled_program_stops_its_application(file) -> None:
    started = asyncio.Event()

    async def serve() -> None:
        async with outgrow.start(file):
            started.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve())
        await started.wait()
        serving.cancel()
    assert serving.cancelled()

    async with outgrow.start(file) as app:
        assert await app.client(contract()).count() == 1


async def test_a_client_of_a_contract_that_nobody_keeps_is_refused(file) -> None:
    async with outgrow.start(file) as app:
        with pytest.raises(
            LookupError, match="is kept by no service of 'tried'. Kept are: Counter"
        ):
            app.client(int)


async def test_what_is_under_way_is_finished_when_the_application_stops(file) -> None:
    async with asyncio.TaskGroup() as tasks, outgrow.start(file) as app:
        counting = tasks.create_task(app.client(contract()).count())
        await asyncio.sleep(0)  # noqa: TID251 - let the call begin

    assert counting.result() == 1


async def test_statistics_tell_calls_stores_and_consumers(file) -> None:
    async with outgrow.start(file) as app:
        await app.client(contract()).count()
        statistics = await app.statistics()

    assert statistics["calls"]["counter_one.count"].calls == 1
    assert statistics["stores"]["counter_one"]
    assert statistics["in_flight"] == 0


async def test_the_store_of_another_application_is_refused(file) -> None:
    async with outgrow.start(file):
        pass
    file.write_text(file.read_text().replace('"tried"', '"other"'))

    with pytest.raises(StoreOfAnother, match=r"counter_one\.sqlite3: .*tried"):
        async with outgrow.start(file):
            pass


async def test_a_file_that_is_no_store_is_refused_and_left_alone(file) -> None:
    store = file.parent / ".outgrow" / "store" / "counter_one.sqlite3"
    store.parent.mkdir(parents=True)
    store.write_text("this is no database" * 100)

    with pytest.raises(StoreUnreadable):
        async with outgrow.start(file):
            pass

    assert store.read_text().startswith("this is no database")


async def test_a_store_of_a_newer_version_is_refused(file) -> None:
    async with outgrow.start(file):
        pass
    store = sqlite3.connect(file.parent / ".outgrow" / "store" / "counter_one.sqlite3")
    with store:
        changed = store.execute(
            "update outgrow_meta set value = '99'"
            " where name like '%journal%' or name like '%version%'"
        )
    store.close()
    assert changed.rowcount

    with pytest.raises(StoreUnreadable, match="newer"):
        async with outgrow.start(file):
            pass


async def test_asgi_answers_while_the_application_runs(file) -> None:
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    async with start_application(read_topology(file), Options(is_open=True)) as app:
        scope = {
            "type": "http", "method": "GET", "path": "/log", "raw_path": b"/log", "root_path": "",
            "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
            "client": None, "server": None, "asgi": {"version": "3.0"},
        }  # fmt: skip
        await app.asgi(scope, receive, send)

    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b'["opened"]'
