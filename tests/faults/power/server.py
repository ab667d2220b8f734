"""A PostgreSQL server on a disk that can lose power, or be full."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from outgrow.testing import PostgresServer
from tests.faults.power.disk import Disk

SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class PoweredServer:
    """
    A server of its own, whose disk notes what it does once `power_on` was called.

    Args:
        library: What notes the changes.
        settings: Of the server, besides those that make it safe.
    """

    def __init__(self, library: Path, settings: dict[str, str] | None = None) -> None:
        self.server = PostgresServer(settings=SAFE | (settings or {}))
        # The server runs as another user, who may not enter a test's own folder.
        self._scratch = Path(tempfile.mkdtemp(prefix="og-power-"))
        self._scratch.chmod(0o711)
        copy = Path(shutil.copy(library, self._scratch))
        self.disk = Disk(self.server.folder / "data", self._scratch, copy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def power_on(self) -> None:
        """Start the server again, on what is on the disk now."""
        self.server.stop()
        self.disk.power_on()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.disk.environment.items():
                patch.setenv(name, value)
            self.server.start()

    def cut(self, chance: random.Random | None = None) -> int:
        """The machine loses power; how many writes were lost."""
        self.kill()
        return self.disk.cut(chance)

    def recover(self) -> None:
        """Power is back."""
        self.server.start()

    def kill(self) -> None:
        """End the server and all that it has started; nobody writes another byte."""
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in map(int, children):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.server.kill()
