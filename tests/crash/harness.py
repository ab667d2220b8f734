"""Runs the child, kills it at named points, starts it again, and looks at what is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from outgrow.process import leashed
from tests.crash import invariants
from tests.crash.points import ROOT
from tests.crash.reading import Tables, sqlite_tables

T = TypeVar("T")
LIFE_SECONDS_MAX = 40.0
WORDS_SHOWN = 3_000


@dataclass(frozen=True)
class Kill:
    """The *nth* passing of *point*."""

    point: str
    nth: int

    def __str__(self) -> str:
        return f"{self.point} #{self.nth}"


@dataclass
class Life:
    """How one process went: where it was to die, what it replied, how it ended, what it logged."""

    kill: Kill | None
    status: int = 0
    replies: list[tuple[str, Any]] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)
    log: str = ""

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


@dataclass
class Story:
    """The lives that one state went through, and what was not as it must be."""

    mutant: str | None
    lives: list[Life] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def was_killed(self) -> bool:
        """Whether the first process died where it was meant to."""
        return self.lives[0].was_killed

    def __str__(self) -> str:
        lives = [
            f"  life {number}: to die at {life.kill or 'nothing'}, ended with status "
            f"{life.status}, replied {len(life.replies)} times"
            for number, life in enumerate(self.lives)
        ]
        return "\n".join(
            [
                f"seed {seed()}, mutant {self.mutant}",
                *lives,
                "violations:" if self.violations else "no violations",
                *(f"  {violation}" for violation in self.violations),
                "last words:",
                self.lives[-1].log[-WORDS_SHOWN:],
            ]
        )


def seed() -> int:
    """What the sample of kills is drawn by: ``OUTGROW_SEED``, or another one each day."""
    given = os.environ.get("OUTGROW_SEED")
    return int(given) if given else date.today().toordinal()  # noqa: DTZ011 - any day does


def shared(all_of_them: Sequence[T]) -> Sequence[T]:
    """
    Those that this run tries: all, or its share.

    ``OUTGROW_SHARE=1/3`` is the second of three, so that runs on several Pythons divide the work.
    """
    number, _, count = os.environ.get("OUTGROW_SHARE", "0/1").partition("/")
    return all_of_them[int(number) :: int(count)]


class Scenario(Protocol):
    """What a child does, and what must have come of it."""

    module: str
    services: Sequence[str]

    def after_death(self, tables: Tables, replies: list[tuple[str, Any]]) -> list[str]:
        """What is wrong in what a killed process has left."""

    def at_the_end(self, tables: Tables, replies: list[tuple[str, Any]]) -> list[str]:
        """What is wrong once nothing is left to do."""


class Machine:
    """What a life runs on; nothing is special about this one."""

    environment: Mapping[str, str] = {}

    def begin(self) -> None:
        """A life begins."""

    def end(self) -> None:
        """A life has ended, and what it has left will be looked at."""

    def tables(self, state: Path, services: Sequence[str]) -> AbstractContextManager[Tables]:
        """What a life has left of the stores of *services*."""
        return sqlite_tables(state, services)


MachineMaker = Callable[[Path], Machine]


def tell_of_death(
    folder: Path,
    kills: list[Kill],
    *,
    mutant: str | None = None,
    world: str = "together",
    machine: MachineMaker | None = None,
    scenario: Scenario = invariants,
) -> Story:
    """
    A story whose first process has died.

    How many units share a commit depends on threads, so a process may come to its end before the
    nth passing; then an earlier one is tried.
    """
    first, *others = kills
    while True:
        state = folder / f"nth-{first.nth}"
        on = None if machine is None else machine(state)
        story = tell(
            state, [first, *others], mutant=mutant, world=world, machine=on, scenario=scenario
        )
        if story.was_killed or story.violations or first.nth == 1:
            return story
        first = Kill(first.point, (first.nth + 1) // 2)


def tell(
    state: Path,
    kills: list[Kill],
    *,
    mutant: str | None = None,
    world: str = "together",
    machine: Machine | None = None,
    scenario: Scenario = invariants,
) -> Story:
    """
    Let the child live on *state*, killed once in each life that *kills* has a place for.

    The last life is not disturbed, and must end normally. After each death the files must be
    consistent with each other and with what was replied; in the end nothing may be missing, doubled
    or left over.
    """
    story, machine = Story(mutant), machine or Machine()
    replies: list[tuple[str, Any]] = []
    for number, kill in enumerate([*kills, None]):
        machine.begin()
        options = ["--life", str(number), "--world", world]
        options += ["--mutant", mutant] if mutant is not None else []
        life = live(state, kill, options, module=scenario.module, on=machine.environment)
        story.lives.append(life)
        machine.end()
        replies += life.replies
        if life.was_killed and kill is not None:
            with machine.tables(state, scenario.services) as tables:
                story.violations += scenario.after_death(tables, replies)
        elif life.status == 0:
            with machine.tables(state, scenario.services) as tables:
                story.violations += scenario.at_the_end(tables, replies)
            break
        else:
            story.violations.append(f"life {number} ended with status {life.status}")
            break
    return story


def live(
    state: Path,
    kill: Kill | None,
    options: Sequence[str] = (),
    *,
    module: str = invariants.module,
    on: Mapping[str, str] | None = None,
) -> Life:
    """One process from its start to its end."""
    options = [str(state), *options]
    if kill is not None:
        options += ["--die", kill.point, str(kill.nth)]
    state.mkdir(parents=True, exist_ok=True)
    process = spawn(options, module=module, on=on)
    try:
        said, log = process.communicate(timeout=LIFE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        end(process)
        said, log = process.communicate()
        log += f"\nit did not end within {LIFE_SECONDS_MAX} s"
        return Life(kill, status=1, log=log + said[-WORDS_SHOWN:])
    finally:
        end(process)
    # The last line may be cut off where the process died.
    lines = [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return Life(
        kill,
        status=process.returncode,
        replies=[(line["key"], line["reply"]) for line in lines if "key" in line],
        passed=next((line["passed"] for line in lines if "passed" in line), {}),
        log=log,
    )


def spawn(
    options: Sequence[str],
    *,
    module: str = invariants.module,
    on: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start the child; it dies with this process."""
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}:{ROOT / 'tests' / 'worlds'}"}
    environment = {**os.environ, **paths, **(on or {})}
    return subprocess.Popen(
        leashed(sys.executable, "-m", module, *options),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[Any]) -> None:
    """Kill *process* and all that it started, if anything is left."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
