"""The split shop, as anyone would start it, whose parts can be killed one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from outgrow.errors import ControlError
from outgrow.process import leashed
from outgrow.process.control import ask
from tests.crash.harness import end
from tests.crash.shop import SHOP, STOP_SECONDS_MAX

PARTS = ("front", "back", "nats", "supervisor")


class Split:
    """
    ``outgrow run split`` on one state folder and one port; may be started again after a kill.

    It dies with this process, and at the end of the ``with``.
    """

    def __init__(self, state: Path, port: int) -> None:
        self.state = state
        self.url = f"http://127.0.0.1:{port}"
        self.log = state / "split.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)

    def start(self) -> None:
        program = Path(sysconfig.get_path("scripts"), "outgrow")
        address = self.url.removeprefix("http://")
        options = ["run", "split", "--open", "--http", address, "--state", str(self.state)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                leashed(str(program), *options, "--log-level", "warning"),
                cwd=SHOP,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def parts(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of each part; nothing while it cannot be asked."""
        with suppress(ControlError):
            listed = ask(self.state / "run" / "supervisor.sock", "processes", seconds=5.0)
            return {part["name"]: part for part in listed}
        return {}

    @property
    def is_whole(self) -> bool:
        """Whether every part is up and ready, and none is one whose death is not noticed yet."""
        parts = self.parts()
        return set(parts) >= {"front", "back", "nats"} and all(
            part["is_ready"] and part["pid"] not in self._killed for part in parts.values()
        )

    def pid(self, part: str) -> int:
        """The process id of *part*."""
        assert self._process is not None
        return self._process.pid if part == "supervisor" else int(self.parts()[part]["pid"])

    def kill(self, *parts: str) -> None:
        """As ``kill -9`` does; the supervisor is started again, as its own supervisor would."""
        pids = [self.pid(part) for part in parts]
        self._killed |= set(pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if "supervisor" in parts:
            assert self._process is not None
            self._process.wait(STOP_SECONDS_MAX)
            self.start()

    def signal(self, part: str, number: signal.Signals) -> None:
        os.kill(self.pid(part), number)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_SECONDS_MAX)

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-6_000:]
