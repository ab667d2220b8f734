"""From one revision of a contract to the next, one process after the other, under load."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.process.supervision.conftest import Start, _compiled_once, folder, start  # noqa: F401
from tests.process.supervision.program import COUNTS, Program, fetch, kill
from tests.process.supervision.test_renewal import renew_under_load

NEXT = COUNTS.replace("add(self, name: str)", "add(self, name: str, note: str = '')").replace(
    "add(self, tx: Transaction, name: str)", "add(self, tx: Transaction, name: str, note: str = '')"
)


def freeze(folder: Path) -> None:  # noqa: F811 - a fixture in tests only
    words = [sys.executable, "-m", "outgrow", "contract", "freeze"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)


def go_on_with(folder: Path, running: Program) -> None:  # noqa: F811
    """Write the next revision, and let only the process that others call start again with it."""
    (folder / "counts.py").write_text(NEXT)
    if (folder / "contracts").is_dir():
        freeze(folder)
    kill(running.pid("back"))
    running.wait_process("back", lambda told: told["restarts"] == 1 and told["is_ready"])


async def test_a_compatible_change_fails_no_request_while_it_is_rolled_out(
    start: Start,  # noqa: F811
    folder: Path,  # noqa: F811
) -> None:
    freeze(folder)
    running = start().wait_ready()
    assert fetch(running.url(), "/notes", {"text": "a"}) == 1

    go_on_with(folder, running)
    assert fetch(running.url(), "/notes", {"text": "a"}) == 2
    load = await renew_under_load(running, 1_000, times=1)

    assert load.failures == []
    assert fetch(running.url(), "/notes", {"text": "a"}) == 3
    assert running.stop() == 0


def test_what_was_never_frozen_is_refused_between_two_revisions(
    start: Start,  # noqa: F811
    folder: Path,  # noqa: F811
) -> None:
    running = start().wait_ready()

    go_on_with(folder, running)
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(running.url(), "/counts/a", {})

    with caught.value as answer:
        text = answer.read().decode()
    assert answer.code == 503
    assert "outgrow.ContractDiffers" in text
