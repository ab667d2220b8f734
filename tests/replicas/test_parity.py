"""Tests that were written for one process hold for three replicas of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WORLDS = Path(__file__).parents[1] / "worlds"
SUITES = ("context", "deadlines", "problems", "repeats", "timers", "transactions", "values")
"""Those whose services keep in their tables what the tests ask them for, but for the following."""

IN_MEMORY = {
    "made_again_is_the_same_call": "the ledger notes there under which keys it was called",
    "promises_nothing_is_never_repeated": "the ledger counts there: each replica from one on",
    "does_not_share_the_deadline_of_the_first": "the ledger notes there that it has begun to wait, "
    "so at another replica the second call waits as the first did. What is merged there is merged "
    "in one process only (docs/decisions/0017)",
}
"""What asks for something in the memory of a service, which is each replica's own, and for what."""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_holds_apart_holds_with_three_replicas_of_each_process() -> None:
    files = [str(WORLDS / f"test_{suite}.py") for suite in SUITES]
    elsewhere = " and ".join(f"not {name}" for name in IN_MEMORY)
    options = ["--world=apart", "--store=postgres", "--replicas=3", "-k", elsewhere]

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
