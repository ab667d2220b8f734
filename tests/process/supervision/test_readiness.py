"""A replica that is not ready is left out by its callers, as long as another one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.process.control import ask
from tests.process.supervision.conftest import Start
from tests.process.supervision.program import Program, fetch

APPLICATION = """
[app]
name = "small"
services = ["desk", "press"]
[gateway]
http = "127.0.0.1:0"
[topology.split]
gateway = "front"
[topology.split.process.front]
services = ["desk"]
[topology.split.process.back]
services = ["press"]
replicas = 2
"""
DESK = """
from press import Press
from outgrow import *
class Desk(Contract):
    @query("GET /pages")
    async def get_page(self) -> int: ...
@service
class DeskService(Desk):
    press: Press
    async def get_page(self) -> int:
        return await self.press.get_number()
"""
PRESS = """
import os
from pathlib import Path
from outgrow import *
class Press(Contract):
    @query()
    async def get_number(self) -> int: ...
@service
class PressService(Press):
    async def ready(self) -> None:
        if Path(__file__).with_name(f"empty-{os.getpid()}").exists():
            raise RuntimeError("no paper")
    async def get_number(self) -> int:
        return os.getpid()
"""
CALLS = 24


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "outgrow.toml").write_text(APPLICATION)
    (folder / "desk.py").write_text(DESK)
    (folder / "press.py").write_text(PRESS)
    return folder


def answered_by(url: str) -> set[int]:
    """Who answers calls now."""
    return {fetch(url, "/pages") for _ in range(CALLS)}


def until_answered_by(url: str, *pids: int) -> None:
    """Return when exactly these answer calls; the directory has told the callers then."""
    clock = SystemClock()
    end = clock.monotonic() + 20
    while answered_by(url) != set(pids):
        assert clock.monotonic() < end, f"{answered_by(url)} answer, and not {pids}"


@pytest.mark.long
def test_who_is_not_ready_is_called_only_if_nobody_is(start: Start, folder: Path) -> None:
    running: Program = start().wait_ready()
    url, one, two = running.url("front"), running.pid("back"), running.pid("back.2")
    until_answered_by(url, one, two)

    (folder / f"empty-{one}").touch()
    told = running.wait_process("back", lambda told: not told["is_ready"])
    until_answered_by(url, two)

    assert told["waiting"] == {"press": "RuntimeError: no paper"}
    health = ask(running.state / "run" / "supervisor.sock", "health")
    assert health == {"is_ready": False, "waiting": {"back": "press: RuntimeError: no paper"}}

    (folder / f"empty-{two}").touch()
    running.wait_process("back.2", lambda told: not told["is_ready"])
    until_answered_by(url, one, two)

    (folder / f"empty-{one}").unlink()
    running.wait_process("back", lambda told: told["is_ready"])
    until_answered_by(url, one)
    assert running.stop() == 0
