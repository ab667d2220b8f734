"""The shop as one process or several, as anyone would start it."""

from __future__ import annotations

import asyncio
import json
import signal
import sysconfig
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from .client import Client

FOLDER = Path(__file__).parents[1]
OUTGROW = Path(sysconfig.get_path("scripts"), "outgrow")
TROUBLES_MAX = 20
STOP_SECONDS = 30.0


class ShopNotStarted(Exception):
    """The shop ended before it was ready; its last words are the message."""


class Server:
    """
    ``outgrow run`` on one state folder and one address.

    May be started again after it was stopped or killed; the state is what remains.

    Args:
        topology: Which processes it is divided into, by the name in ``outgrow.toml``; empty for
            one process.

    Attributes:
        log: The file that it writes its log to.
        status: The exit status of its last end; None before.
    """

    def __init__(self, client: Client, state: Path, topology: str = "") -> None:
        self.client = client
        self.state = state
        self.topology = topology
        self.log = state / "shop.log"
        self.status: int | None = None
        self._process: Process | None = None

    async def start(self) -> None:
        """
        Start the shop, and wait until it is ready.

        Raises:
            ShopNotStarted: It ended instead, or somebody else answers at its address.

            ShopUnreachable: It was not ready in time.
        """
        address = self.client.base_url.removeprefix("http://")
        if await _is_taken(address):
            raise ShopNotStarted(f"Somebody answers at {address} already. Choose with --http.")
        options = ["--open", "--http", address, "--state", str(self.state)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                OUTGROW,
                "run",
                *([self.topology] if self.topology else []),
                *options,
                cwd=FOLDER,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C stops the demo, and the demo stops the shop.
            )
        async with asyncio.TaskGroup() as group:
            ready = group.create_task(self.client.ask("GET", "/health/ready"))
            ended = group.create_task(self._process.wait())
            done, _ = await asyncio.wait([ready, ended], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            ended.cancel()
        if ready not in done:
            raise ShopNotStarted(f"The shop ended with status {ended.result()}:\n{self._tail()}")

    def list_processes(self) -> dict[str, list[str]]:
        """The processes that it is divided into, and the services of each."""
        if not self.topology:
            return {}
        directory = json.loads((self.state / "run" / f"{self.topology}.json").read_bytes())
        return {name: seat["services"] for name, seat in directory["seats"].items()}

    async def stop(self) -> int:
        """Let the shop finish what it does, and return its exit status."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int:
        """End the shop at once, as ``kill -9`` does."""
        return await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(how)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                self.status = await process.wait()
        except TimeoutError:
            process.kill()
            self.status = await process.wait()
        return self.status

    def troubles(self) -> list[str]:
        """The last lines of its log that tell of warnings and errors."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if '"level":"info"' not in line][-TROUBLES_MAX:]

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


async def _is_taken(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def running(client: Client, state: Path, topology: str = "") -> AsyncGenerator[Server]:
    """A shop that is ready, and is stopped at the end."""
    server = Server(client, state, topology)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
