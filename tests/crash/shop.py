"""The shop's server, as anyone would start it, and a client that sees to it that it dies."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
from demo.client import Client, Reply

from outgrow.process import leashed
from tests.crash.harness import ROOT, end

SHOP = ROOT / "examples" / "shop"
EPHEMERAL_PORTS_FROM = 32_768
READY_SECONDS_MAX = 15.0
STOP_SECONDS_MAX = 15.0


def free_port(chance: random.Random) -> int:
    """A port that nobody listens on, nor is lent to a connection while the server is dead."""
    while True:
        port = chance.randrange(20_000, EPHEMERAL_PORTS_FROM)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """
    ``outgrow run`` on one state folder and one port; may be started again after it was killed.

    It dies with this process, and at the end of the ``with``.
    """

    def __init__(self, state: Path, port: int) -> None:
        self.state = state
        self.url = f"http://127.0.0.1:{port}"
        self.log = state / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)

    def start(self) -> None:
        program = Path(sysconfig.get_path("scripts"), "outgrow")
        address = self.url.removeprefix("http://")
        options = ["run", "--open", "--http", address, "--state", str(self.state)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                leashed(str(program), *options),
                cwd=SHOP,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> int:
        """As ``kill -9`` does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait(STOP_SECONDS_MAX)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_SECONDS_MAX)


class Witness(Client):
    """
    A client that tells when so many requests have been sent, answered or not.

    Attributes:
        timed_out: How many requests were not answered in the time that its session gives them.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        super().__init__(session, base_url)
        self.sent = 0
        self.timed_out = 0
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def wait_sent(self, count: int) -> None:
        """Wait until so many requests have been sent in all."""
        reached = asyncio.Event()
        self._waiting.append((count, reached))
        if self.sent < count:
            await reached.wait()

    async def ask(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Reply:
        self.sent += 1
        for count, reached in self._waiting:
            if self.sent >= count:
                reached.set()
        return await super().ask(verb, path, body, key)

    async def _once(
        self, verb: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Reply:
        try:
            return await super()._once(verb, path, body, headers)
        except TimeoutError:
            self.timed_out += 1
            raise
