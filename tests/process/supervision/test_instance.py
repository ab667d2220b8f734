"""One run of one process: how it is told to end."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from pathlib import Path

from outgrow.clock import SystemClock
from outgrow.process.supervision.instance import Instance, Recipe
from outgrow.process.supervision.merging import Merged

WAITING = "import sys; open(sys.argv[1], 'w').close(); sys.stdin = open(sys.argv[2])"


async def test_what_does_not_work_yet_is_ended_without_a_traceback(tmp_path: Path) -> None:
    for name in ("begun", "never"):
        os.mkfifo(tmp_path / name)
    command = (sys.executable, "-c", WAITING, str(tmp_path / "begun"), str(tmp_path / "never"))
    stream = io.BytesIO()
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    # As NATS is ended; until it works, it may be a Python that has it on the leash.
    recipe = Recipe(
        name="nats",
        command=command,
        lock=lock,
        stop_signal=signal.SIGINT,
        wait_ready=asyncio.Event().wait,  # type: ignore[arg-type]
    )
    clock = SystemClock()
    instance = Instance(recipe, Merged(stream, clock, is_terminal=True), clock)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(instance.run())
        await asyncio.to_thread((tmp_path / "begun").read_text)  # Until it has begun.

        assert await instance.stop()

    os.close(lock)
    assert instance.status == -signal.SIGTERM
    assert stream.getvalue() == b""
