"""Streams end first when a process stops, also those that it only passes on to its gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from outgrow.testing import World


class Reader:
    """Reads one stream over HTTP."""

    def __init__(self, world: World, path: str) -> None:
        self._asgi = world.application.asgi
        self._scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"here")],
            "scheme": "http",
        }
        self._asked = False
        self._bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(self) -> None:
        await self._asgi(self._scope, self._receive, self._send)

    async def line(self) -> Any:
        while not (body := await self._bodies.get()):
            pass
        return msgspec.json.decode(body)

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await asyncio.Event().wait()
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        self._bodies.put_nowait(message.get("body", b""))


async def test_a_stream_over_http_ends_when_its_process_stops(world: World) -> None:
    reader = Reader(world, "/stops/x/2")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        assert [await reader.line(), await reader.line()] == [0, 1]
        world.application.set_draining()
        failure = (await reader.line())["error"]

    assert failure["type"] == "/problems/outgrow.ServiceUnreachable"
    assert failure["status"] == 503
