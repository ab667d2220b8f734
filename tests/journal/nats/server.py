"""A real NATS server of a test's own, which can be killed, robbed and started again."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from outgrow.clock import SystemClock
from outgrow.process import leashed

BINARY = Path(sys.executable).parent / "nats-server"
STARTED_SECONDS_MAX = 20.0


def free_port() -> int:
    """A port of this machine that nobody has, outside of the range that the kernel gives away."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class NatsServer:
    """
    ``nats-server`` with JetStream, on one port and one folder for all its lives.

    It dies with the process that started it.

    Attributes:
        url: Where it is, whether it runs or not.
        storage: Its folder.
    """

    def __init__(self, folder: Path, *, options: str = "") -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.storage = folder / "jetstream"
        self._file = folder / "nats.conf"
        self._log = folder / "nats.log"
        self._options = options
        self.has_jetstream = True
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it; it takes requests on return."""
        self.begin()
        await self.wait_ready()

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        self.storage.mkdir(parents=True, exist_ok=True)
        jetstream = f'jetstream: {{store_dir: "{self.storage}"}}' if self.has_jetstream else ""
        self._file.write_text(f'listen: "127.0.0.1:{self.port}"\n{jetstream}\n{self._options}\n')
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                leashed(str(BINARY), "-c", str(self._file)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def wait_ready(self) -> None:
        """Wait until it takes requests."""
        clock = SystemClock()
        until = clock.monotonic() + STARTED_SECONDS_MAX
        while not await self._greets():
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            assert clock.monotonic() < until, self._log.read_text()
            await clock.sleep(0.01)

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO")
        finally:
            writer.close()
            await writer.wait_closed()

    def kill(self) -> None:
        """Kill it with ``kill -9``; it is gone on return."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def end(self) -> None:
        """Let it end in an orderly way; it is gone on return."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)
        self._process = None

    def freeze(self) -> None:
        """Stop it with ``SIGSTOP``: it is there and does nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def delete_storage(self) -> None:
        """Delete all that it has stored; it must not run."""
        assert self._process is None
        shutil.rmtree(self.storage)

    def copy_storage(self, to: Path) -> None:
        """Keep a copy of all that it has stored; it must not run."""
        assert self._process is None
        shutil.copytree(self.storage, to)

    def replace_storage(self, by: Path) -> None:
        """Let what it has stored be an older copy; it must not run."""
        self.delete_storage()
        shutil.copytree(by, self.storage)
