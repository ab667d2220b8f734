"""Visits the ASGI application ``web.web`` of the current folder, and prints what it answers."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any


async def main(paths: list[str]) -> list[list[Any]]:
    """Start it, ask for *paths* one after the other, stop it."""
    web = importlib.import_module("web").web
    told: asyncio.Queue[Any] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(web({"type": "lifespan", "asgi": {}, "state": {}}, told.get, heard.put))
        told.put_nowait({"type": "lifespan.startup"})
        assert (await heard.get())["type"] == "lifespan.startup.complete"
        answers = [await ask(web, path) for path in paths]
        told.put_nowait({"type": "lifespan.shutdown"})
        assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    return answers


async def ask(web: Any, path: str) -> list[Any]:
    """Status and body of ``GET path``."""
    sent: list[Any] = []
    answered = asyncio.Event()

    async def receive() -> Any:
        if not answered.is_set():
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await web(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return [sent[0]["status"], body.decode()]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1:]))))
