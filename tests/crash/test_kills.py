"""A process that is killed anywhere has lost nothing and doubled nothing when it has recovered."""

import random
from pathlib import Path

import pytest

from tests.crash.harness import Kill, Story, points, seed, tell_of_death

KILLS_IN_SAMPLE = 14
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Where in a life each point kills in the long run: the first passing, the last, and between."""

Draw = list[tuple[str, float]]
"""Points, and how far in a life that passes it so and so often."""


def sample() -> list[Draw]:
    """Some points, others each day; every third with a second kill while it recovers."""
    chance = random.Random(seed())
    drawn = chance.sample(points(), KILLS_IN_SAMPLE)
    return [
        [
            (point, chance.random()),
            *([(chance.choice(points()), chance.random() / 2)] if number % 3 == 0 else []),
        ]
        for number, point in enumerate(drawn)
    ]


def pairs() -> list[Draw]:
    """Each point, and two others in the recovery."""
    chance = random.Random(seed())
    return [
        [(point, chance.random()), *((chance.choice(points()), chance.random() / 2),) * 2]
        for point in points()
        for _ in range(2)
    ]


def name(draw: Draw) -> str:
    return " then ".join(f"{point}@{share:.0%}" for point, share in draw)


def kill(folder: Path, draw: Draw, passed: dict[str, int], world: str = "together") -> Story:
    kills = [Kill(point, 1 + int(share * (passed[point] - 1))) for point, share in draw]
    story = tell_of_death(folder, kills, world=world)
    assert story.was_killed, str(story)
    assert not story.violations, str(story)
    return story


def test_every_crash_point_is_passed(passed: dict[str, int]) -> None:
    """One that is not passed is not tried: let the commands of the child lead to it."""
    assert sorted(passed) == points()


@pytest.mark.parametrize("draw", sample(), ids=name)
def test_a_kill_loses_nothing_and_doubles_nothing(
    draw: Draw, passed: dict[str, int], tmp_path: Path
) -> None:
    kill(tmp_path, draw, passed)


@pytest.mark.long
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("point", points())
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(
    point: str, share: float, passed: dict[str, int], tmp_path: Path
) -> None:
    kill(tmp_path, [(point, share)], passed)


@pytest.mark.long
@pytest.mark.parametrize("draw", pairs(), ids=name)
def test_kills_while_it_recovers_lose_nothing_and_double_nothing(
    draw: Draw, passed: dict[str, int], tmp_path: Path
) -> None:
    kill(tmp_path, draw, passed)


@pytest.mark.long
@pytest.mark.parametrize("point", points())
def test_a_kill_is_harmless_where_everything_is_repeated_as_well(
    point: str, passed: dict[str, int], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed()} {point}")
    kill(tmp_path, [(point, chance.random())], passed, world="wired")
