"""An application that is a bare ASGI host."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from starlette.requests import Request
from starlette.routing import Route


class Starlette:
    """Routes, mounts and a lifespan, as the ASGI specification has them."""

    def __init__(self, *, lifespan: Any, routes: list[Route]) -> None:
        self.state = SimpleNamespace()
        self._lifespan = lifespan
        self._routes = routes
        self._mounts: dict[str, Any] = {}

    def mount(self, path: str, app: Any) -> None:
        self._mounts[path] = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            async with self._lifespan(self):
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        for path, app in self._mounts.items():
            if scope["path"].startswith(f"{path}/"):
                root = scope.get("root_path", "") + path
                await app({**scope, "root_path": root}, receive, send)
                return
        for route in self._routes:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path), scope["path"])
            if found:
                answer = await route.endpoint(Request(self, found.groupdict()))
                await answer(send)
                return
