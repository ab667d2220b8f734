"""The stores below one state folder have one id, and no others have it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outgrow.errors import StoreRefused
from outgrow.process.stores import installation_id


def test_whoever_comes_first_makes_it_and_all_others_take_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(installation_id, [tmp_path] * 64))

    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["installation"]
    assert installation_id(tmp_path) in found


def test_two_state_folders_have_two(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    assert installation_id(tmp_path / "one") != installation_id(tmp_path / "two")


@pytest.mark.parametrize("damage", [b"", b"a.b", b"a b", b"\xff"])
def test_one_that_is_damaged_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "installation").write_bytes(damage)

    with pytest.raises(StoreRefused, match="installation"):
        installation_id(tmp_path)
