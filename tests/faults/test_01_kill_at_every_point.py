"""
1. A process is killed with ``kill -9`` at any point, and again while it recovers.

The points are read from the code, and each must be passed by a story on some store; a new one that
none passes fails `test_every_crash_point_is_passed_by_a_story`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.crash import invariants, lists_invariants, transfers_invariants
from tests.crash.harness import (
    Kill,
    MachineMaker,
    Scenario,
    Story,
    seed,
    shared,
    tell,
    tell_of_death,
)
from tests.crash.points import ROOT, points
from tests.faults.machines import STORES

STORIES: tuple[Scenario, ...] = (invariants, lists_invariants, transfers_invariants)
SAMPLES = {"sqlite": 6, "postgres": 2}
PAIRS = 200
SHARES = {"sqlite": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "postgres": (0.0, 0.5, 1.0)}
"""Where in a life each point kills in the long run: the first passing, the last, and between."""

ELSEWHERE = {
    "nats.": "tests/worlds/test_deaths.py",
    "move.": "tests/store/moving/test_kills.py",
}
"""Points that no story of one process passes, and who kills there."""


@dataclass
class Passed:
    """What stories that nobody disturbs pass on one store, and how often."""

    store: str
    machine: MachineMaker
    folder: Path

    @cached_property
    def by_story(self) -> list[tuple[Scenario, dict[str, int]]]:
        found = []
        for story in STORIES:
            state = self.folder / f"{self.store}-{story.module}"
            told = tell(state, [], machine=self.machine(state), scenario=story)
            assert not told.violations, str(told)
            found.append((story, told.lives[0].passed))
        return found

    @property
    def all_points(self) -> set[str]:
        return {point for _, passed in self.by_story for point in passed}

    def story_of(self, point: str, chance: random.Random) -> tuple[Scenario, dict[str, int]]:
        """A story that passes *point*; skips if none does on this store."""
        able = [(story, passed) for story, passed in self.by_story if point in passed]
        if not able:
            pytest.skip(f"{point} is not passed on {self.store}")
        return chance.choice(able)


@pytest.fixture(scope="session")
def passed(
    machines: dict[str, MachineMaker], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Passed]:
    """What is passed on each store."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return {store: Passed(store, machines[store], folder) for store in STORES}


def kill(
    folder: Path,
    on: Passed,
    draw: list[str | None],
    chance: random.Random,
    share: float | None = None,
) -> Story:
    """Kill at the points of *draw*, one in each life; None is any that the story passes."""
    first = draw[0] or chance.choice(sorted(on.all_points))
    scenario, passed = on.story_of(first, chance)
    places = [chance.random() if share is None else share, *(chance.random() / 2 for _ in draw[1:])]
    names = [first, *(point or chance.choice(sorted(passed)) for point in draw[1:])]
    kills = [
        Kill(point, 1 + int(place * (passed.get(point, 1) - 1)))
        for point, place in zip(names, places, strict=True)
    ]
    story = tell_of_death(folder, kills, machine=on.machine, scenario=scenario)
    assert story.was_killed, str(story)
    assert not story.violations, str(story)
    return story


def test_every_crash_point_is_passed_by_a_story(passed: dict[str, Passed]) -> None:
    """One that is not passed is not tried: let a story lead to it, or name who kills there."""
    found = {point for on in passed.values() for point in on.all_points}
    missing = [
        point for point in points() if point not in found and not point.startswith(tuple(ELSEWHERE))
    ]

    assert missing == []
    assert found <= set(points())


def test_who_kills_elsewhere_is_there() -> None:
    assert [file for file in ELSEWHERE.values() if not (ROOT / file).exists()] == []


@pytest.mark.parametrize(
    ("store", "number"), [(store, n) for store in STORES for n in range(SAMPLES[store])]
)
def test_a_kill_loses_nothing_and_doubles_nothing(
    store: str, number: int, passed: dict[str, Passed], tmp_path: Path
) -> None:
    """Some points, others each day; every third with a second kill while it recovers."""
    chance = random.Random(f"{seed()} {store}")
    drawn = chance.sample(sorted(passed[store].all_points), SAMPLES[store])
    again: list[str | None] = [None] if number % 3 == 0 else []
    kill(tmp_path, passed[store], [drawn[number], *again], random.Random(f"{seed()} {number}"))


@pytest.mark.long
@pytest.mark.parametrize("point", shared(points()))
@pytest.mark.parametrize(("store", "share"), [(s, share) for s in STORES for share in SHARES[s]])
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(
    store: str, point: str, share: float, passed: dict[str, Passed], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed()} {store} {point} {share}")
    kill(tmp_path, passed[store], [point], chance, share)


@pytest.mark.long
@pytest.mark.parametrize("number", shared(range(PAIRS)))
def test_a_random_pair_of_kills_loses_nothing_and_doubles_nothing(
    number: int, passed: dict[str, Passed], tmp_path: Path
) -> None:
    kill(tmp_path, passed["sqlite"], [None, None], random.Random(f"{seed()} pair {number}"))


@pytest.mark.long
@pytest.mark.parametrize("point", shared(points()))
@pytest.mark.parametrize("store", STORES)
def test_kills_while_it_recovers_lose_nothing_and_double_nothing(
    store: str, point: str, passed: dict[str, Passed], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed()} {store} {point} twice")
    kill(tmp_path, passed[store], [point, None, None], chance)


@pytest.mark.long
@pytest.mark.parametrize("point", shared(points()))
def test_a_kill_is_harmless_where_everything_is_repeated_as_well(
    point: str, passed: dict[str, Passed], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed()} {point}")
    scenario, counts = passed["sqlite"].story_of(point, chance)
    killed = Kill(point, chance.randint(1, counts[point]))
    story = tell_of_death(tmp_path, [killed], world="wired", scenario=scenario)
    assert story.was_killed, str(story)
    assert not story.violations, str(story)
