"""The suite: what each saga must survive, for one story of one application."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from outgrow.process import leashed
from outgrow.testing.sagas.faults import FOR_EVER, ONCE, Way, Wire
from outgrow.testing.sagas.trial import Client, Trial

T = TypeVar("T")
LIFE_SECONDS_MAX = 60.0

Story = Callable[[Client], Awaitable[Any]]


class SagaSuite:
    """
    What each saga must survive. `saga_suite` makes a class of it that pytest runs.

    Attributes:
        story: Begins the saga.
        invariant: Says by an assertion what must hold once all sagas have ended.
        file: The topology file.
        faults: How many of all faults each test tries, others each day; all if None.
        kills: At how many points the process is killed; all if None.
    """

    __test__ = False
    story: ClassVar[Story]
    invariant: ClassVar[Story]
    file: ClassVar[Path]
    faults: ClassVar[int | None]
    kills: ClassVar[int | None]

    @pytest.mark.asyncio
    async def test_it_ends_if_nothing_goes_wrong(self) -> None:
        """It completes or is undone, and what must hold does."""
        wire, states = await self._try({})
        assert wire.made, "the story begins no saga that has steps"
        assert states, "the story begins no saga"

    @pytest.mark.asyncio
    async def test_it_bears_that_any_call_is_lost_or_doubled(self) -> None:
        """Each step and undo is lost, or its reply is, or it comes twice."""
        wire, states = await self._try({})
        for place, way in _drawn([(p, w) for p in wire.made for w in ONCE], self.faults):
            _, ended = await self._try({place: way})
            assert ended == states, f"{place} was {way}: {ended} instead of {states}"

    @pytest.mark.asyncio
    async def test_it_is_undone_if_any_step_never_answers(self) -> None:
        """Each step fails for ever, done or not; and each undo that follows is lost once."""
        wire, _ = await self._try({})
        for place, way in _drawn([(p, w) for p in wire.made for w in FOR_EVER], self.faults):
            failed, states = await self._try({place: way})
            assert failed.hits, f"{place} was not called again"
            undos = [one for one in failed.made if one not in wire.made]
            for undo, other in _drawn([(u, w) for u in undos for w in ONCE], self.faults):
                _, ended = await self._try({place: way, undo: other})
                assert ended == states, f"{place} was {way}, {undo} {other}: {ended}"

    @pytest.mark.asyncio
    async def test_it_is_stuck_and_shown_if_an_undo_never_answers(self) -> None:
        """An undo that fails for ever leaves the saga stuck, and never halfway without a word."""
        wire, _ = await self._try({})
        for place in _drawn(wire.made[1:], self.faults):
            failed, states = await self._try({place: "never"})
            undos = [one for one in failed.made if one not in wire.made]
            if "undone" in states and undos:
                _, ended = await self._try({place: "never", undos[-1]: "never"})
                assert "stuck" in ended, f"{place} and {undos[-1]} never answer: {ended}"

    def test_it_survives_that_its_process_is_killed_anywhere(self) -> None:
        """Killed at crash points of outgrow, it goes on where it was, or is undone."""
        with tempfile.TemporaryDirectory(prefix="og-") as folder:
            passed = self._live(Path(folder, "whole"), 0, "", 0)["passed"]
            points = sorted(point for point in passed if not point.startswith("application."))
            chance = random.Random(_seed())  # noqa: S311 - tests
            for number, point in enumerate(_drawn(points, self.kills)):
                state, nth = Path(folder, str(number)), chance.randint(1, passed[point])
                if self._live(state, 0, point, nth) is not None:
                    continue  # Threads decide how often it is passed; this time it was less.
                ended = self._live(state, 1, "", 0)
                assert ended is not None

    async def _try(self, ways: dict[str, Way]) -> tuple[Wire, list[str]]:
        """Tell the story once, with what goes wrong; what was called, and how the sagas ended."""
        wire, told = Wire(dict(ways)), f"with {ways or 'nothing'} going wrong"
        with tempfile.TemporaryDirectory(prefix="og-") as folder:
            trial = Trial(self.file, Path(folder))
            async with trial.started() as application:
                wire.install(application)
                await trial.tell(type(self).story)
                states = await trial.finish(leaps=any(way in FOR_EVER for way in ways.values()))
                assert set(states) <= {"completed", "undone", "stuck"}, f"{states}, {told}"
                wire.ways.clear()
                if "stuck" in states:
                    return wire, states
                await _hold(type(self).invariant, trial, told)
                await wire.deliver_late()
                await trial.finish()
                await _hold(type(self).invariant, trial, f"{told}, and each call coming again")
        return wire, states

    def _live(self, state: Path, life: int, point: str, nth: int) -> Any:
        """One process; what it says, or None if it was killed as it was meant to be."""
        given = {
            "module": type(self).story.__module__,
            "story": type(self).story.__name__,
            "invariant": type(self).invariant.__name__,
            "file": str(self.file),
            "state": str(state),
            "life": life,
            "point": point,
            "nth": nth,
        }
        program = [sys.executable, "-m", "outgrow.testing.sagas.child", json.dumps(given)]
        ended = subprocess.run(  # noqa: S603 - our own program
            leashed(*program),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIFE_SECONDS_MAX,
        )
        if ended.returncode == -signal.SIGKILL and point:
            return None
        told = f"killed at {point} #{nth}, seed {_seed()}" if point else f"life {life}"
        assert ended.returncode == 0, f"{told}: {ended.stderr[-3_000:]}"
        return json.loads(ended.stdout.splitlines()[-1])


async def _hold(invariant: Story, trial: Trial, told: str) -> None:
    try:
        await invariant(trial.client)
    except AssertionError as error:
        error.add_note(told)
        raise


def _drawn(all_of_them: Sequence[T], count: int | None) -> Sequence[T]:
    """Those that are tried today."""
    if count is None or count >= len(all_of_them):
        return all_of_them
    return random.Random(_seed()).sample(all_of_them, count)  # noqa: S311 - tests


def _seed() -> int:
    """``OUTGROW_SEED``, or another one each day."""
    given = os.environ.get("OUTGROW_SEED")
    return int(given) if given else date.today().toordinal()  # noqa: DTZ011 - any day does


def saga_suite(
    story: Story,
    invariant: Story,
    *,
    file: Path | None = None,
    faults: int | None = None,
    kills: int | None = 8,
) -> type[SagaSuite]:
    """
    The suite for one saga; a test file needs one line.

    ``TestPlacing = saga_suite(place_an_order, nothing_is_lost)``

    Args:
        story: ``async def place_an_order(client)`` begins the saga: it calls its method under a
            key, on a client such as ``client(Orders)``. It is asked again after a kill.
        invariant: ``async def nothing_is_lost(client)`` asserts what must hold once the saga has
            completed or is undone.
        file: The topology file; the nearest ``outgrow.toml`` at or above the file of *story*.
        faults: How many of all faults each test tries, others each day; all if None.
        kills: At how many points the process is killed, others each day; at all if None.
    """
    members: dict[str, Any] = {
        "__test__": True,
        "__doc__": "What this saga must survive.",
        "story": staticmethod(story),
        "invariant": staticmethod(invariant),
        "file": file or _file_above(Path(story.__code__.co_filename)),
        "faults": faults,
        "kills": kills,
    }
    return type("TestSaga", (SagaSuite,), members)


def _file_above(path: Path) -> Path:
    for folder in path.parents:
        if (folder / "outgrow.toml").is_file():
            return folder / "outgrow.toml"
    message = f"no outgrow.toml at or above {path}; give saga_suite a file=..."
    raise pytest.UsageError(message)
