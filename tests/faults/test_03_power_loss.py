"""
3. Power is lost: no acknowledged append is lost, and no peer knows what its source forgot.

What was not synced is dropped, or is there in parts. A store that does not sync each commit must
be found out, or this proves nothing.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.harness import Kill, MachineMaker, seed, tell_of_death
from tests.faults.power.disk import Disk

CUTS = [
    Kill("store.after_commit", 12),
    Kill("client.after_reply", 20),
    Kill("store.before_commit", 25),
]


@pytest.mark.parametrize("kill", CUTS, ids=str)
def test_no_acknowledged_append_is_lost_and_no_peer_knows_more(
    kill: Kill, tmp_path: Path, mains: MachineMaker
) -> None:
    story = tell_of_death(tmp_path, [kill, Kill("journal.after_effect", 3)], machine=mains)

    assert story.was_killed, str(story)
    assert not story.violations, str(story)


@pytest.mark.long
@pytest.mark.parametrize("number", range(40))
def test_power_is_lost_at_any_moment(number: int, tmp_path: Path, mains: MachineMaker) -> None:
    chance = random.Random(f"{seed()} power {number}")
    points = ["store.after_commit", "store.before_commit", "store.before_checkpoint"]
    points += ["store.after_checkpoint", "journal.after_delivery", "client.after_reply"]
    kills = [Kill(chance.choice(points), chance.randint(1, 30)) for _ in range(2)]
    story = tell_of_death(tmp_path, kills, machine=mains)

    assert not story.violations, str(story)


def test_a_store_that_does_not_sync_its_commits_is_found_out(
    tmp_path: Path, mains: MachineMaker
) -> None:
    kill = Kill("client.after_reply", 12)
    story = tell_of_death(tmp_path, [kill], mutant="not_synced", machine=mains)

    assert any("kept 0 times" in violation for violation in story.violations), str(story)


PROGRAM = """
import os, sys
folder = sys.argv[1]
file = os.open(folder + "/a", os.O_RDWR | os.O_CREAT)
os.write(file, b"synced ")
os.fsync(file)
os.pwrite(file, b"S", 0)
os.write(file, b"not synced")
other = os.open(folder + "/b", os.O_RDWR | os.O_CREAT)
os.write(other, b"never synced")
third = os.open(folder + "/c", os.O_RDWR | os.O_CREAT)
os.write(third, b"moved")
os.fdatasync(third)
os.rename(folder + "/c", folder + "/d")
os.unlink(folder + "/gone")
os.ftruncate(third, 2)
with open(folder + "/kept", "r+b") as kept:
    kept.write(b"new")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def left(tmp_path: Path, library: Path) -> Callable[[random.Random | None], dict[str, bytes]]:
    """What a disk holds after a program that was cut off."""

    def run(chance: random.Random | None) -> dict[str, bytes]:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        (folder / "gone").write_bytes(b"gone")
        (folder / "kept").write_bytes(b"old")
        disk = Disk(folder, tmp_path / "scratch", library)
        disk.power_on()
        program = [sys.executable, "-c", PROGRAM, str(folder)]
        subprocess.run(program, env=disk.environment, check=False, timeout=20)
        disk.cut(chance)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    return run


def test_what_was_not_synced_is_gone_after_the_cut(
    left: Callable[[random.Random | None], dict[str, bytes]],
) -> None:
    assert left(None) == {"a": b"synced ", "d": b"moved", "kept": b"old"}


def test_what_was_not_synced_may_be_there_in_parts(
    left: Callable[[random.Random | None], dict[str, bytes]],
) -> None:
    contents = [left(random.Random(number)) for number in range(12)]

    assert all(content["a"][1:7] == b"ynced " for content in contents)
    assert len({content["a"] for content in contents}) > 1
    assert len({content["d"] for content in contents}) > 1
