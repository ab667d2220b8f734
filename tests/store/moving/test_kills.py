"""A move that is killed anywhere is finished by the same command, or given up."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.errors import StoreMoved
from outgrow.store.moving import abandon, confirm
from tests.store.moving.conftest import contents
from tests.store.moving.ends import end_of

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "outgrow" / "store" / "moving"
BEFORE_LEAVING = [
    ("move.begun", 1),
    ("move.target_made", 1),
    ("move.prepared", 1),
    ("move.batch_copied", 1),
    ("move.batch_copied", 3),
    ("move.copied_ahead", 1),
    ("move.held", 1),
    ("move.table_copied", 2),
    ("move.copied", 1),
    ("move.compared", 1),
]
AFTER_LEAVING = [("move.source_left", 1), ("move.arrived", 1), ("move.switched", 1)]
POINTS = BEFORE_LEAVING + AFTER_LEAVING
ENDINGS = {"move.old_removed": "confirm", "move.copy_removed": "abandon"}


@pytest.fixture(params=["there", pytest.param("back", marks=pytest.mark.long)])
async def ends(request, filled, postgres_url, move_between):
    """Where a full store is, and where it is to go."""
    if request.param == "there":
        return filled, postgres_url
    await move_between(filled, postgres_url).run()
    return postgres_url, filled


@pytest.fixture
def kill(tmp_path, migrations, ends):
    def run(point: str, nth: int = 1, verb: str = "move") -> None:
        wanted = {
            "source": str(ends[0]),
            "target": str(ends[1]),
            "state": str(tmp_path / "s.move.json"),
            "migrations": str(migrations),
            "point": point,
            "nth": nth,
            "verb": verb,
        }
        child = [sys.executable, "-m", "tests.store.moving.child", json.dumps(wanted)]
        done = subprocess.run(child, cwd=ROOT, timeout=60, check=False, capture_output=True)
        assert done.returncode == -9, done.stderr.decode()

    return run


def test_every_crash_point_is_killed_at():
    points = {
        point
        for source in SOURCES.glob("*.py")
        for point in re.findall(r'crash\.at\("([\w.]+)"\)', source.read_text())
    }

    assert points == {point for point, _ in POINTS} | ENDINGS.keys()


@pytest.mark.parametrize("killed", POINTS, ids=lambda killed: f"{killed[0]}-{killed[1]}")
async def test_a_killed_move_is_finished_by_the_same_command(
    killed, ends, kill, move_between, open_at
):
    source, target = ends
    before = await contents(source)
    point, _ = killed

    kill(*killed)
    if killed in BEFORE_LEAVING:
        before = await _write_something(source, open_at)
    else:
        with pytest.raises(StoreMoved):
            await open_at(source)
    if point not in ("move.arrived", "move.switched"):
        await _expect_closed(target, open_at)
    report = await move_between(source, target).run()

    assert report.step == "finished"
    assert await contents(target) == before
    with pytest.raises(StoreMoved):
        await open_at(source)
    await (await open_at(target)).close()


@pytest.mark.parametrize(
    "point", ["move.begun", "move.target_made", "move.prepared", "move.held", "move.source_left"]
)
async def test_a_killed_move_is_given_up_and_the_store_goes_on_where_it_was(
    point, ends, kill, move_between, open_at
):
    source, target = ends
    kill(point)

    move = move_between(source, target)
    await abandon(move.state, move.state.read(), move.source, move.target)

    before = await contents(source)
    assert await _write_something(source, open_at) != before
    end = end_of(target)
    assert await end.meta() is None or point == "move.begun"
    await end.close()
    assert move.state.read() is None
    await move_between(source, target).run()
    assert await contents(target) == await contents(source)


@pytest.mark.parametrize("point", ENDINGS)
async def test_an_ending_that_is_killed_is_finished_by_the_same_command(
    point, ends, kill, move_between, open_at
):
    source, target = ends
    before = await contents(source)
    if ENDINGS[point] == "confirm":
        await move_between(source, target).run()
        kill(point, 1, "confirm")
        move = move_between(source, target)
        await confirm(move.state, move.state.read(), move.source, move.target)
        assert await contents(target) == before
    else:
        kill("move.copied")
        kill(point, 1, "abandon")
        move = move_between(source, target)
        await abandon(move.state, move.state.read(), move.source, move.target)
        assert await contents(source) == before
        await (await open_at(source)).close()
    assert move.state.read() is None


async def _write_something(where, open_at) -> dict:
    """The application is started again where it was, and works."""

    async def unit(tx):
        await tx.execute("update purchase set cents = 1 where id = 'p7'")
        await tx.execute("insert into note values ('meanwhile')")
        await tx.own("update outgrow_cursor set position = position + 1")
        await tx.own("delete from outgrow_journal where position < 50")
        for n in range(3):
            await tx.own(
                "insert into outgrow_journal (id, kind, type, schema, partition, correlation_id, "
                "trace, caller, recorded_at, body) values (?,'e','t',1,0,'c','t','c','n','{}')",
                (f"new-{n}",),
            )

    store = await open_at(where)
    await store.transact(unit)
    await store.close()
    return await contents(where)


async def _expect_closed(target, open_at) -> None:
    """What is half filled cannot be started on; what is not there yet does not count."""
    end = end_of(target)
    meta = await end.meta()
    await end.close()
    if meta is not None and "arriving" in meta:
        with pytest.raises(StoreMoved):
            await open_at(target)
