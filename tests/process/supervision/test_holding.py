"""One supervisor for each state folder, and it waits for what a killed one has left."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from outgrow.errors import AlreadyRunning
from outgrow.process import leashed
from outgrow.process.holding import released, take_lock

CHILD = "import sys; sys.stdin.read()"


async def test_what_a_killed_supervisor_has_left_is_waited_for(tmp_path: Path) -> None:
    lock = await take_lock(tmp_path)
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    os.pwrite(lock, f"{dead.pid}\n".ljust(20).encode(), 0)
    child = await asyncio.create_subprocess_exec(
        *leashed(sys.executable, "-c", CHILD), stdin=asyncio.subprocess.PIPE, pass_fds=[lock]
    )
    os.close(lock)  # The supervisor is gone; its child still holds what it had.
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(take_lock(tmp_path, "split"))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()

        assert child.stdin is not None
        child.stdin.close()
        await child.wait()

        with released(await waiting):
            assert (tmp_path / "run" / "supervisor.lock").read_text() == f"{os.getpid()} split\n"
    assert (tmp_path / "run" / "supervisor.lock").read_text() == ""


async def test_one_that_runs_is_named(tmp_path: Path) -> None:
    lock = await take_lock(tmp_path, "split")

    with released(lock), pytest.raises(AlreadyRunning, match=f"'split' .*{os.getpid()}") as told:
        await take_lock(tmp_path)

    assert told.value.pid == os.getpid()


async def test_whoever_takes_it_removes_what_nobody_answers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(run / "back.sock"))
        alive.bind(str(run / "other.sock"))
        alive.listen()
        dead.close()
        (run / "split.json").write_text("{}")

        with released(await take_lock(tmp_path)):
            assert {path.name for path in run.iterdir()} == {"supervisor.lock", "other.sock"}
