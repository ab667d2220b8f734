"""A directory over NATS that can be cut off, and robbed."""

from __future__ import annotations

import asyncio
import atexit
import functools
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from outgrow.discovery import Directory, Endpoint
from outgrow.discovery.nats import nats_directory
from tests.journal.nats.server import NatsServer

APPLICATION = "shop"


@functools.cache
def shared_server() -> NatsServer:
    """One server for all tests of this process; it is started by who needs it."""
    folder = tempfile.TemporaryDirectory(prefix="og-")
    server = NatsServer(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(server.kill)
    return server


async def running_server() -> NatsServer:
    """The shared server, which runs on return."""
    server = shared_server()
    if not server.is_running:
        await server.start()
    return server


class Gate:
    """
    A way to a server that can be shut: connections over it end, and no new ones are made.

    Attributes:
        url: Where it is, open or shut.
        received: How many bytes came from the server.
    """

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._ends: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self._port = 0
        self.received = 0

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    async def open(self) -> None:
        self._listening = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            for end in list(self._ends):
                end.transport.abort()
            while self._ends:
                await asyncio.get_running_loop().run_in_executor(None, lambda: None)
            self._listening = None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._copy(reader, far_writer))
                tasks.create_task(self._copy(far_reader, writer, is_counted=True))
        finally:
            self._ends -= {writer, far_writer}

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_counted: bool = False,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.received += len(data) if is_counted else 0
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


class NatsPlace:
    """Processes of tests reach the server through one gate."""

    lease_seconds = 1

    def __init__(self, gate: Gate, server: NatsServer) -> None:
        self.gate = gate
        self.server = server

    def open(
        self, environment: str, known: Sequence[Endpoint]
    ) -> AbstractAsyncContextManager[Directory]:
        return nats_directory(
            self.gate.url, APPLICATION, environment, known=known, lease_seconds=self.lease_seconds
        )

    async def go_away(self) -> None:
        await self.gate.shut()

    async def come_back(self) -> None:
        await self.gate.open()

    async def come_back_empty(self) -> None:
        self.server.kill()
        await self.server.start()
        await self.gate.open()


@asynccontextmanager
async def nats_place() -> AsyncIterator[NatsPlace]:
    server = await running_server()
    gate = Gate(server)
    await gate.open()
    try:
        yield NatsPlace(gate, server)
    finally:
        await gate.shut()
