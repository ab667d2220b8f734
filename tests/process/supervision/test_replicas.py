"""Replicas of a process answer at one address, and none of them needs the others."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from outgrow.errors import ControlError
from outgrow.process.control import ask, ask_everyone
from tests.process.supervision.conftest import Start
from tests.process.supervision.program import TOPOLOGY, fetch, kill
from tests.process.supervision.test_refusals import refused

REQUESTS = 12
WAIT_SECONDS = 40.0


@pytest.fixture
def folder(folder: Path) -> Path:
    """The small application, whose front has two replicas; it keeps no store."""
    text = TOPOLOGY.replace('["notes"]', '["notes"]\nreplicas = 2\nweight = [100, 50]')
    (folder / "outgrow.toml").write_text(text)
    return folder


@pytest.mark.long
def test_one_that_dies_or_stands_still_is_not_missed(start: Start) -> None:
    running = start().wait_ready(WAIT_SECONDS)
    url = running.url("front")
    assert running.url("front.2") == url

    kill(running.pid("front.2"))
    for number in range(REQUESTS):  # Each by a connection of its own.
        assert fetch(url, "/notes", {"text": "a"}) == number + 1
    running.wait_process("front.2", lambda told: told["restarts"] == 1 and told["is_ready"])

    stopped = running.pid("front")
    os.kill(stopped, signal.SIGSTOP)
    for _ in range(REQUESTS):
        assert fetch(url, "/notes/a") == REQUESTS
    os.kill(stopped, signal.SIGCONT)

    answers = ask_everyone(running.state, "placement")
    assert sorted(answers.answers) == ["back", "front", "front.2"]
    assert answers.once.keys() == {"back", "front"}
    supervisor = running.state / "run" / "supervisor.sock"
    assert ask(supervisor, "restart", process="front.2")["renewed"] == {"front.2": True}
    with pytest.raises(ControlError, match=r"Known: back, front, front\.2"):
        ask(supervisor, "restart", process="front.3")
    with pytest.raises(ControlError, match="takes the field 'process' alone, and not 'proces'"):
        ask(supervisor, "restart", proces="front")
    told = running.processes()
    assert {name: (one["restarts"], one["renewed"]) for name, one in told.items()} == {
        "nats": (0, 0),
        "front": (0, 0),
        "front.2": (1, 1),
        "back": (0, 0),
    }
    assert running.stop() == 0
    assert not list((running.state / "run").glob("*.sock"))


def test_a_path_that_is_too_long_for_one_replica_is_refused(folder: Path) -> None:
    state = folder / ("long" * 20)

    findings = refused(folder, state=state)

    assert len(findings) == 7  # two of each replica, and the supervisor's
    assert any("/run/front.2.calls.sock is longer" in finding for finding in findings)
