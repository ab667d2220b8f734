"""A replay that is killed anywhere, and asked for again, has each effect once, in order."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journal.replaying import EVENTS

KILLS = [
    ("store.before_commit", 1),
    ("store.after_commit", 1),
    ("journal.before_effect", 1),
    ("journal.before_effect", 3),
    ("journal.after_effect", 2),
    ("store.before_commit", 4),
    ("store.after_commit", 5),
]


def run(folder: Path, point: str = "", nth: int = 0) -> dict[str, Any] | None:
    """What was told at the end; None if the program was killed before."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.journal.replaying", folder, point, str(nth)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("point", "nth"), KILLS)
def test_a_replay_that_is_killed_and_asked_for_again_has_each_effect_once(
    tmp_path: Path, point: str, nth: int
) -> None:
    assert run(tmp_path, point, nth) is None
    run(tmp_path, point, nth)

    told = run(tmp_path)

    assert told is not None
    assert told["texts"] == [f"a placed {n}" for n in range(EVENTS)]
    assert set(told["audits"]) <= {"outgrow.Replayed"}
