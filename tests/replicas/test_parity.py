"""Tests that were written for one process hold for three replicas of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WORLDS = Path(__file__).parents[1] / "worlds"
SUITES = ("context", "deadlines", "problems", "repeats", "timers", "transactions", "values")
"""Those in which nothing is kept in the memory of a service, which is each replica's own."""

IN_MEMORY = "not made_again_is_the_same_call"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_holds_apart_holds_with_three_replicas_of_each_process() -> None:
    files = [str(WORLDS / f"test_{suite}.py") for suite in SUITES]
    options = ["--world=apart", "--store=postgres", "--replicas=3", "-k", IN_MEMORY]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *files],
        cwd=WORLDS.parents[1],
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout[-8000:]
    assert " passed" in ended.stdout
