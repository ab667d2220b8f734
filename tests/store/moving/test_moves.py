"""A store goes from SQLite to PostgreSQL and back, with all that is in it."""

import pytest

from outgrow.errors import StatementFailed, StoreMoved
from outgrow.store.creating import Administrator, database_name, new_password
from outgrow.store.moving import StateFile
from tests.store.moving.conftest import contents, fill


async def test_a_store_goes_to_postgres_and_back_with_every_row(
    filled, postgres_url, move_between, open_at
):
    before = await contents(filled)
    assert all(before.values()), [name for name, rows in before.items() if not rows]

    report = await move_between(filled, postgres_url).run()

    assert await contents(postgres_url) == before
    assert {table.name: table.rows for table in report.tables} == {
        name: len(rows) for name, rows in before.items()
    }
    assert report.step == "finished"
    assert report.pause_seconds > 0

    await move_between(postgres_url, filled, setting="sqlite").run()

    assert await contents(filled) == before


async def test_a_store_goes_from_postgres_to_postgres(
    filled, outgrow_postgres, move_between, tmp_path
):
    first, second = await outgrow_postgres.database(), await outgrow_postgres.database()
    before = await contents(filled)
    await move_between(filled, first).run()
    await move_between(first, second, state=StateFile(tmp_path / "second.json")).run()

    assert await contents(second) == before


@pytest.mark.parametrize("way", ["there", "back"])
async def test_counters_go_on_behind_all_that_was_ever_given(
    way, filled, postgres_url, move_between, open_at
):
    async def unit(tx):
        await tx.execute("delete from purchase")
        await tx.execute("delete from customer")
        await tx.own("delete from outgrow_journal")

    store = await open_at(filled)
    await store.transact(unit)
    await store.close()
    await move_between(filled, postgres_url).run()
    where = postgres_url
    if way == "back":
        await move_between(postgres_url, filled).run()
        where = filled

    async def insert(tx):
        await tx.execute("insert into customer (name) values ('new')")
        await tx.own(
            "insert into outgrow_journal (id, kind, type, schema, partition, correlation_id, "
            "trace, caller, recorded_at, body) values ('x','e','t',1,0,'c','t','c','n','{}')"
        )
        customer = await tx.fetch_one(int, "select max(id) from customer")
        return customer, await tx.own("select max(position) from outgrow_journal")

    store = await open_at(where)
    try:
        assert await store.transact(insert) == (41, [(1235,)])
    finally:
        await store.close()


@pytest.mark.parametrize("way", ["there", "back"])
async def test_the_store_that_was_left_is_refused_and_says_where_it_went(
    way, filled, postgres_url, move_between, open_at
):
    where = filled
    await move_between(filled, postgres_url, setting="postgresql://db:5432").run()
    if way == "back":
        await move_between(postgres_url, filled, setting="sqlite").run()
        where = postgres_url

    with pytest.raises(StoreMoved, match="OUTGROW_STORE_S=") as raised:
        await open_at(where)

    assert "Let store say { s = " in str(raised.value)


async def test_a_store_that_is_open_elsewhere_writes_nothing_after_it_was_left(
    outgrow_postgres, move_between, open_at, filled
):
    first, second = await outgrow_postgres.database(), await outgrow_postgres.database()
    store = await open_at(first)
    await fill(store)
    await move_between(first, second).run()

    async def unit(tx):
        await tx.execute("insert into note values ('lost?')")

    async def other(tx):
        await tx.own("update outgrow_cursor set position = 0")

    for one in (unit, other):
        with pytest.raises(StatementFailed, match="was moved to"):
            await store.transact(one)
    await store.close()
    assert await contents(first) == await contents(second)


async def test_the_journal_is_copied_ahead_and_not_again_while_all_wait(
    filled, postgres_url, move_between, open_at
):
    store = await open_at(filled)
    move = move_between(filled, postgres_url)
    written = []

    class Counting(type(move.target)):
        async def write(self, table, columns, rows):
            await super().write(table, columns, rows)
            if table.name == "outgrow_journal":
                written.append(len(rows))

    move.target = Counting(postgres_url)
    hold = move.source.hold

    async def unit(tx):
        await tx.own("delete from outgrow_journal where position < 100")
        for n in range(5):
            await tx.own(
                "insert into outgrow_journal (id, kind, type, schema, partition, correlation_id, "
                "trace, caller, recorded_at, body) values (?,'e','t',1,0,'c','t','c','n','{}')",
                (f"late-{n}",),
            )

    async def hold_late():
        written.append("held")
        await store.transact(unit)
        await hold()

    move.source.hold = hold_late
    report = await move.run()
    await move.target.close()
    await store.close()

    assert report.rows_ahead == 1200
    assert written[written.index("held") :] == ["held", 5]
    assert await contents(postgres_url) == await contents(filled)


async def test_the_role_of_a_service_may_do_all_that_a_move_does(
    filled, outgrow_postgres, move_between
):
    outgrow_postgres.start()
    password = new_password()
    async with Administrator(outgrow_postgres.admin_url) as administrator:
        await administrator.provide("shop", "s", password, is_renewed=True)
    name = database_name("shop", "s")
    url = outgrow_postgres.cluster.url(name, name, password)
    before = await contents(filled)

    await move_between(filled, url).run()
    await move_between(url, filled).run()
    await move_between(filled, url).run()

    assert await contents(url) == before
