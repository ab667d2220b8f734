"""What a move refuses, and what it finds out; the old store goes on."""

from itertools import product
from uuid import UUID

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import MigrationFailed, MoveFailed, MoveRefused, StoreError
from outgrow.store import open_store
from outgrow.store.moving import Moving, abandon, confirm
from tests.store.moving.conftest import EVENT, change, contents
from tests.store.moving.ends import end_of


async def test_a_place_where_rows_are_is_refused(filled, postgres_url, move_between, open_at):
    store = await open_at(postgres_url)
    await store.transact(_insert_note)
    await store.close()

    with pytest.raises(MoveRefused, match="with rows in 'customer'"):
        await move_between(filled, postgres_url).run()

    assert len((await contents(postgres_url))["note"]) == 1
    await (await open_at(filled)).close()


async def test_a_move_that_is_refused_at_once_has_not_begun(
    filled, postgres_url, move_between, open_at, tmp_path
):
    await (await open_at(postgres_url)).close()  # Its migration has left a row there.
    theirs = tmp_path / "theirs.sqlite3"
    change(theirs, "create table theirs (n integer)")
    away = "postgresql://127.0.0.1:9/nowhere"

    for target in (postgres_url, theirs, away):
        move = move_between(filled, target)
        with pytest.raises(StoreError):
            await move.run()
        assert move.state.read() is None

    await move_between(filled, tmp_path / "new.sqlite3").run()


async def test_the_way_back_that_is_refused_leaves_the_move_to_be_confirmed(
    filled, postgres_url, move_between, open_at
):
    move = move_between(filled, postgres_url)
    await move.run()
    finished = move.state.read()
    filled.unlink()
    await (await open_at(filled)).close()  # Somebody has begun anew there.

    with pytest.raises(MoveRefused, match="with rows in 'customer'"):
        await move_between(postgres_url, filled).run()

    assert move.state.read() == finished


async def test_a_target_that_cannot_be_made_is_as_it_was(
    filled, postgres_url, move_between, migrations, open_at
):
    async def make_and_fail():
        await (await open_at(postgres_url)).close()
        raise MigrationFailed("0002", "no")

    move = move_between(filled, postgres_url, make_target=make_and_fail)

    with pytest.raises(MigrationFailed):
        await move.run()

    assert move.state.read() is None
    assert await move.target.meta() is None
    await (await open_at(filled)).close()


async def test_what_is_only_prepared_is_given_up_whatever_is_at_the_target(
    filled, postgres_url, move_between, open_at, tmp_path
):
    store = await open_at(postgres_url)
    await store.transact(_record)
    await store.close()
    theirs = tmp_path / "theirs.sqlite3"
    change(theirs, "create table theirs (n integer)")

    targets = (postgres_url, theirs, "postgresql://127.0.0.1:9/nowhere")
    for target, is_target_ours in product(targets, (False, True)):
        move = move_between(filled, target)
        begun = _begun(move, is_target_ours=is_target_ours)
        await abandon(move.state, begun, move.source, move.target)
        assert move.state.read() is None

    assert theirs.exists()
    assert len((await contents(postgres_url))["outgrow_journal"]) == 1
    await (await open_at(filled)).close()


async def test_what_was_only_made_at_the_target_is_removed_when_the_move_is_given_up(
    filled, postgres_url, move_between, open_at
):
    await (await open_at(postgres_url)).close()
    move = move_between(filled, postgres_url)

    begun = _begun(move, is_target_ours=True)
    await abandon(move.state, begun, move.source, move.target)

    assert await move.target.meta() is None
    assert move.state.read() is None


async def test_a_place_that_was_only_made_is_taken(
    filled, postgres_url, move_between, open_at, migrations
):
    file = migrations / "0001_tables.sql"
    file.write_text(file.read_text().partition("insert into customer")[0])
    change(filled, "update outgrow_migrations set checksum = '" + _checksum(file) + "'")
    await (await open_at(postgres_url)).close()

    await move_between(filled, postgres_url).run()

    assert await contents(postgres_url) == await contents(filled)


async def test_the_store_of_another_service_is_refused(filled, postgres_url, move_between):
    store = await open_store(postgres_url, application="shop", service="other", clock=SystemClock())
    await store.close()

    with pytest.raises(MoveRefused, match="belongs to service 'other'"):
        await move_between(filled, postgres_url).run()


async def test_a_database_that_is_none_of_ours_is_refused(filled, postgres_url, move_between):
    end = end_of(postgres_url)
    await end._fetch("create table theirs (n bigint)")
    await end.close()

    with pytest.raises(MoveRefused, match="no store of outgrow's"):
        await move_between(filled, postgres_url).run()


async def test_a_second_move_meanwhile_is_refused_by_the_target(
    filled, postgres_url, move_between, tmp_path
):
    with _Failing(move_between(filled, postgres_url)) as move, pytest.raises(RuntimeError):
        await move.run()
    other = tmp_path / "copy.sqlite3"
    other.write_bytes(filled.read_bytes())

    with pytest.raises(MoveRefused, match="another move, from"):
        await move_between(other, postgres_url, state=_state(tmp_path)).run()
    with pytest.raises(MoveRefused, match="is not finished"):
        await move_between(other, postgres_url).run()


async def test_without_its_file_a_move_is_finished_all_the_same(
    filled, postgres_url, move_between, tmp_path
):
    with _Failing(move_between(filled, postgres_url)) as move, pytest.raises(RuntimeError):
        await move.run()
    move.state.remove()

    await move_between(filled, postgres_url, state=_state(tmp_path)).run()

    assert await contents(postgres_url) == await contents(filled)


@pytest.mark.parametrize(
    "spoil",
    [
        "update outgrow_journal set body = '{}' where position = 500",
        "delete from outgrow_journal where position = 500",
        "insert into outgrow_cursor values ('more', 's', 1)",
        "update purchase set weight = weight + 0.0000000000001 where id = 'p0'",
        "update note set line = 'twice' where line is not null",
    ],
)
async def test_a_copy_that_differs_is_found_and_nothing_is_switched(
    spoil, filled, postgres_url, move_between, open_at
):
    other = end_of(postgres_url)

    class Spoiling(type(end_of(postgres_url))):
        async def write(self, table, columns, rows):
            await super().write(table, columns, rows)
            if table.name in spoil:
                await other._fetch(spoil)

    move = move_between(filled, postgres_url)
    move.target = Spoiling(postgres_url)
    with pytest.raises(MoveFailed, match="with checksum"):
        await move.run()
    await move.target.close()
    await other.close()

    await (await open_at(filled)).close()
    await move_between(filled, postgres_url).run()
    assert await contents(postgres_url) == await contents(filled)


async def test_a_value_that_the_column_there_cannot_keep_is_named(
    tmp_path, migrations, postgres_url, move_between, open_at
):
    (migrations / "0002_lax.sql").write_text("create table lax (n integer);")
    store = await open_at(tmp_path / "s.sqlite3")
    await store.transact(_run, "insert into lax values ('seven')")
    await store.close()

    with pytest.raises(MoveRefused, match=r"column 'n' of table 'lax' keeps integer.*'seven'"):
        await move_between(tmp_path / "s.sqlite3", postgres_url).run()


async def test_rows_that_break_a_foreign_key_are_named(filled, postgres_url, move_between, open_at):
    change(filled, "update purchase set customer = 4711 where id = 'p5'")

    with pytest.raises(MoveRefused, match="purchase_customer_fkey"):
        await move_between(filled, postgres_url).run()

    await (await open_at(filled)).close()


async def test_types_of_postgres_go_there_and_back(
    tmp_path, migrations, postgres_url, move_between, open_at
):
    (migrations / "0002_kinds.sql").write_text(
        "create table kinds (id integer primary key, sure integer, at text, day text, price text, "
        "code text, doc text, pause integer, tags text, mood text);"
        "create trigger twice after insert on kinds begin "
        "update kinds set sure = 1 - sure where id = new.id; end;"
    )
    (migrations / "0002_kinds.postgresql.sql").write_text(
        "create type mood as enum ('good', 'bad');"
        "create table kinds (id bigint generated always as identity primary key, sure boolean, "
        "at timestamptz, day date, price numeric(12, 4), code uuid, doc jsonb, pause interval, "
        "tags text[], mood mood, twice bigint generated always as (id * 2) stored);"
        "create function flip() returns trigger language plpgsql as "
        "$$ begin new.sure = not new.sure; return new; end $$;"
        "create trigger flip before insert on kinds for each row execute function flip();"
    )
    path = tmp_path / "s.sqlite3"
    store = await open_at(path)
    await store.transact(
        _run,
        "insert into kinds values (3, 1, '2026-01-02T03:04:05.600000Z', '2026-01-02', '12.5', "
        f"'{UUID(int=7)}', '{{\"b\": [1, 2.50], \"a\": null}}', 1500000, '{{x,\"y z\"}}', 'good')",
    )
    await store.transact(_run, "insert into kinds (id) values (9)")
    await store.close()

    await move_between(path, postgres_url).run()
    there = (await contents(postgres_url))["kinds"]
    await move_between(postgres_url, path).run()
    back = end_of(path)
    (table,) = [table for table in await back.tables() if table.name == "kinds"]
    (rows,) = [rows async for rows in back.rows(table, list(table.columns))]
    await back.close()

    assert len(there) == 2
    assert rows == [
        (
            3,
            0,
            "2026-01-02T03:04:05.600000Z",
            "2026-01-02",
            "12.5000",
            str(UUID(int=7)),
            '{"a": null, "b": [1, 2.50]}',
            1500000,
            '{x,"y z"}',
            "good",
        ),
        (9, *[None] * 9),
    ]
    store = await open_at(path)
    await store.transact(_run, "insert into kinds (id, sure) values (10, 0)")
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select sure from kinds where id = 10") == 1
    await store.close()


async def test_a_confirmed_move_leaves_one_store(filled, postgres_url, move_between, open_at):
    before = await contents(filled)
    move = move_between(filled, postgres_url)
    with pytest.raises(MoveRefused, match="is not finished"):
        await _confirm_too_early(move)
    await move.run()
    with pytest.raises(MoveRefused, match="--confirm"):
        await move_between(filled, postgres_url).run()
    with pytest.raises(MoveRefused, match="moved to .* already"):
        await abandon(move.state, move.state.read(), move.source, move.target)

    await confirm(move.state, move.state.read(), move.source, move.target)

    assert not filled.exists()
    assert move.state.read() is None
    assert await contents(postgres_url) == before
    await move_between(postgres_url, filled).run()
    assert await contents(filled) == before


async def _confirm_too_early(move) -> None:
    with _Failing(move), pytest.raises(RuntimeError):
        await move.run()
    await confirm(move.state, move.state.read(), move.source, move.target)


class _Failing:
    """Let a move fail once the source is held."""

    def __init__(self, move) -> None:
        self._move, self._hold = move, move.source.hold

    def __enter__(self):
        async def hold():
            raise RuntimeError("lost")

        self._move.source.hold = hold
        return self._move

    def __exit__(self, *_: object) -> None:
        self._move.source.hold = self._hold


async def _run(tx, sql: str) -> None:
    await tx.execute(sql)


async def _insert_note(tx) -> None:
    await tx.execute("insert into note values ('mine')")


async def _record(tx) -> None:
    await tx.own(EVENT, ("id", "key", 1, "{}"))


def _begun(move, *, is_target_ours: bool) -> Moving:
    """What the file of *move* says when it was killed before anything was copied."""
    begun = Moving(
        move="m",
        application="shop",
        service="s",
        source=move.source.place,
        target=move.target.place,
        setting="there",
        old_setting="here",
        secrets=("here", "there"),
        began_at="now",
        is_target_ours=is_target_ours,
    )
    move.state.write(begun)
    return begun


def _state(tmp_path):
    from outgrow.store.moving import StateFile

    return StateFile(tmp_path / "other.json")


def _checksum(file) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()
