"""Whether the next start would open the store that a confirmed move removes."""

from pathlib import Path

import pytest

from outgrow.errors import MoveRefused
from outgrow.process.moving import Moves
from outgrow.process.moving.confirming import refuse_old_place
from outgrow.store.moving import Moving
from outgrow.topology import read_topology

URL = "postgresql://db.example/a"
SPLIT = """
[topology.split]
{store}
[topology.split.process]
one = {{ services = ["a", "b"] }}
"""


def moved(old: str = "sqlite", new: str = URL) -> Moving:
    return Moving(
        move="m",
        application="shop",
        service="a",
        source="there",
        target="here",
        setting=new,
        old_setting=old,
        secrets=(old, new),
        began_at="now",
        step="finished",
    )


def confirm(
    folder: Path, app: str, split: str = "", topology: str = "", moving: Moving | None = None
) -> None:
    file = folder / "outgrow.toml"
    text = f'[app]\nname = "shop"\nservices = ["a", "b"]\n{app}\n'
    file.write_text(text + (SPLIT.format(store=split) if split else ""))
    refuse_old_place(read_topology(file), folder / "state", topology, moving or moved())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    "app",
    [
        f'store = {{ a = "{URL}" }}',
        'store = { a = "postgresql://shop_a@db.example/a" }',
        'store = "postgres"',
    ],
)
def test_what_is_configured_elsewhere_is_no_hindrance(app: str, folder: Path) -> None:
    confirm(folder, app)


@pytest.mark.parametrize("app", ["", 'store = "sqlite"', 'store = { b = "postgres" }'])
def test_the_old_place_is_refused_with_the_line_to_write(app: str, folder: Path) -> None:
    with pytest.raises(MoveRefused, match=r"Write \[app\] store = \{ .*a = .*db.example/a"):
        confirm(folder, app)


def test_the_old_place_is_known_however_it_is_written(folder: Path) -> None:
    moving = moved(old="postgresql://db.example", new="sqlite")
    with pytest.raises(MoveRefused, match="begin with an empty one"):
        confirm(folder, 'store = { a = "postgresql://db.example/shop_a" }', moving=moving)


def test_each_topology_counts_unless_one_is_named(folder: Path) -> None:
    app, split = f'store = {{ a = "{URL}" }}', 'store = "sqlite"'

    with pytest.raises(MoveRefused, match=r"\[topology.split\] store = .*--topology"):
        confirm(folder, app, split)
    with pytest.raises(MoveRefused, match=r"\[topology.split\] store = "):
        confirm(folder, app, split, topology="split")
    confirm(folder, "", f'store = {{ a = "{URL}" }}', topology="split")


def test_the_environment_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTGROW_STORE_A", URL)
    confirm(folder, "")
    monkeypatch.setenv("OUTGROW_STORE_A", "sqlite")
    with pytest.raises(MoveRefused, match=f"Set OUTGROW_STORE_A={URL}"):
        confirm(folder, f'store = {{ a = "{URL}" }}')


async def test_a_store_of_several_replicas_cannot_become_a_file(folder: Path) -> None:
    split = SPLIT.format(store=f'store = {{ a = "{URL}" }}').replace("] }", "], replicas = 2 }")
    text = '[app]\nname = "shop"\nservices = ["a", "b"]\n'
    (folder / "outgrow.toml").write_text(text + split)
    moves = Moves.read(folder / "outgrow.toml", folder / "state", "split")

    with pytest.raises(MoveRefused, match="has 2 replicas, and a SQLite file of 'a' has one"):
        await moves.move("a", "sqlite", lambda *_: None)
