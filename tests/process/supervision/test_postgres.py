"""The PostgreSQL server of a topology: first to start, kept, last to end, and never left behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from outgrow.process.control import ask
from tests.process.supervision.program import (
    TOPOLOGY,
    Program,
    fetch,
    wait_gone,
    write_application,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small application, whose store is in the embedded server."""
    write_application(tmp_path)
    text = TOPOLOGY.replace("[topology.split]\n", '[topology.split]\nstore = "postgres"\n')
    (tmp_path / "outgrow.toml").write_text(text)
    return tmp_path


@pytest.mark.timeout(90)
def test_it_is_kept_like_any_process_and_ended_with_the_others(folder: Path) -> None:
    with Program(folder) as program:
        program.wait_ready()
        url = program.url()
        assert fetch(url, "/notes", {"text": "a"}) == 1
        first = program.pid("postgres")
        kept = json.loads((folder / ".outgrow/postgres.json").read_text())
        assert Path(kept["sockets"]).is_dir()

        os.kill(first, signal.SIGKILL)

        program.wait_process("postgres", lambda told: told["restarts"] == 1 and told["is_ready"])
        # A unit that finds the server away waits for it.
        assert fetch(url, "/notes", {"text": "a"}) == 2
        assert fetch(url, "/notes/a") == 2
        pid = program.pid("postgres")
        program.wait_process("back", lambda told: told["is_ready"])
        health = ask(program.state / "run" / "supervisor.sock", "health")
        assert health == {"is_ready": True, "waiting": {}}
        assert program.stop() == 0
        assert not wait_gone([pid], 20)
        assert not (folder / ".outgrow/postgres/data/postmaster.pid").exists()
        assert not Path(kept["sockets"]).exists()


@pytest.mark.timeout(90)
def test_it_does_not_outlive_a_supervisor_that_is_killed(folder: Path) -> None:
    for expected in (1, 2):
        with Program(folder) as program:
            program.wait_ready()
            assert fetch(program.url(), "/notes", {"text": "a"}) == expected
            pid = program.pid("postgres")
            program.signal(signal.SIGKILL)
            program.end()
            assert not wait_gone([pid], 20)
