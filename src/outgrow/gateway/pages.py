"""What the edge answers itself: health, the description of the interface, and its pages."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Collection
from html import escape
from pathlib import Path
from typing import Protocol

import msgspec

from outgrow.contracts import STATUSES, ContractModel, Method
from outgrow.gateway.exchange import Reply, Request
from outgrow.gateway.failures import CALL_STATUSES, PROBLEMS_PATH, title_of
from outgrow.gateway.limits import Limits
from outgrow.gateway.openapi import openapi_document
from outgrow.gateway.refusals import Refusal
from outgrow.gateway.routes import Route

ASSETS = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    b"form-action 'none'"
)
_SECURITY = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# No link into the network: Swagger UI would otherwise ask a validator there.
_START = b"""SwaggerUIBundle({
  url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null,
  displayRequestDuration: true, tryItOutEnabled: true,
});
"""


class Health(Protocol):
    """What probes are told of: how far the application is."""

    @property
    def has_started(self) -> bool:
        """Whether all that must be open was open once; it stays so."""

    @property
    def names(self) -> Collection[str]:
        """What may be asked for by itself: the services here, and ``application``."""

    def waiting(self) -> dict[str, str]:
        """What is not ready, and why."""


class AlwaysReady:
    """Nothing is waited for."""

    has_started = True
    names: Collection[str] = ()

    def waiting(self) -> dict[str, str]:
        """Nothing."""
        return {}


class Page:
    """Answers with what a function makes, anew for each request."""

    def __init__(self, make: Callable[[], Awaitable[Reply]]) -> None:
        self._make = make

    async def answer(self, request: Request) -> Reply:  # noqa: ARG002 - every page is for all
        """The page, whoever asks."""
        return await self._make()


def pages(
    application: str,
    models: list[ContractModel],
    health: Health,
    limits: Limits,
) -> list[Route]:
    """The routes of the edge's own pages."""
    found = {
        "/health/live": Page(_live),
        "/health/ready": Page(_Ready(health).make),
        "/health/startup": Page(_Started(health).make),
        "/openapi.json": Page(_Description(application, models, limits).make),
        "/docs": Page(_constant(_PAGE.format(title=escape(application)).encode(), b"text/html")),
        "/docs/start.js": Page(_constant(_START, b"text/javascript")),
    }
    for name, content_type in ASSETS.items():
        found[f"/docs/{name}"] = Page(_Asset(name, content_type).make)
    routes = [Route("GET", path, page, "outgrow") for path, page in found.items()]
    return [
        *routes,
        Route("GET", "/health/ready/{name}", _Ready(health), "outgrow"),
        Route("GET", f"{PROBLEMS_PATH}{{name}}", _Problems(_reached(models)), "outgrow"),
    ]


def _reached(models: list[ContractModel]) -> list[Method]:
    return [m for model in models for m in model.methods.values() if m.http is not None]


def _status(word: str) -> Reply:
    body = msgspec.json.encode({"status": word})
    return Reply(200, body, headers=((b"cache-control", b"no-store"),))


async def _live() -> Reply:
    return _status("live")


class _Started:
    """Says whether all that must be open was open once."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def make(self) -> Reply:
        if not self._health.has_started:
            raise Refusal(503, "NotReady", "It is starting.", not_ready=self._health.waiting())
        return _status("started")


class _Ready:
    """Says whether all is ready, or one service by itself; and else what is not."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def make(self) -> Reply:
        return self._told(self._health.waiting())

    async def answer(self, request: Request) -> Reply:
        """Whether what the path names is ready; the process itself must be, for any service."""
        name = request.path_values[0]
        if name not in self._health.names:
            known = ", ".join(sorted(self._health.names))
            text = f"Nothing called {name[:100]!r} is hosted here, but: {known}."
            raise Refusal(404, "RouteUnknown", text)
        waiting = self._health.waiting()
        return self._told({k: v for k, v in waiting.items() if k in {name, "application"}})

    def _told(self, not_ready: dict[str, str]) -> Reply:
        if not_ready:
            names = ", ".join(sorted(not_ready))
            raise Refusal(503, "NotReady", f"Not ready yet: {names}.", not_ready=not_ready)
        return _status("ready")


class _Description:
    """The OpenAPI document, made when it is first asked for."""

    def __init__(self, application: str, models: list[ContractModel], limits: Limits) -> None:
        self._parts = (application, models, limits)
        self._reply: Reply | None = None

    async def make(self) -> Reply:
        if self._reply is None:
            document = openapi_document(*self._parts)
            self._reply = Reply(200, msgspec.json.encode(document))
        return self._reply


class _Problems:
    """Explains the types of problems, each at the address that is its type."""

    def __init__(self, methods: list[Method]) -> None:
        self._texts = {
            f"outgrow.{error.__name__}": (status, inspect.getdoc(error) or "")
            for error, status in CALL_STATUSES.items()
        }
        for method in methods:
            for name, problem in method.problems.items():
                self._texts[name] = (STATUSES[problem.status], inspect.getdoc(problem) or "")

    async def answer(self, request: Request) -> Reply:
        """What the problem means, as text."""
        name = request.path_values[0]
        if name not in self._texts:
            raise Refusal(404, "RouteUnknown", f"No problem {name[:100]!r} is described here.")
        status, text = self._texts[name]
        page = f"{title_of(name)} ({status})\n\n{text}\n"
        return Reply(200, page.encode(), b"text/plain; charset=utf-8", _SECURITY)


class _Asset:
    """A file of Swagger UI, read from its wheel when it is first asked for."""

    def __init__(self, name: str, content_type: bytes) -> None:
        self._name = name
        self._content_type = content_type
        self._reply: Reply | None = None

    async def make(self) -> Reply:
        if self._reply is None:
            body = await asyncio.to_thread(self._read)
            headers = (*_SECURITY, (b"cache-control", b"max-age=3600"))
            self._reply = Reply(200, body, self._content_type, headers)
        return self._reply

    def _read(self) -> bytes:
        try:
            bundle = importlib.import_module("swagger_ui_bundle")
        except ModuleNotFoundError as error:
            raise Refusal(
                501,
                "DocsNotInstalled",
                "The /docs page needs the 'docs' extra: pip install 'outgrow[docs]'. "
                "The description itself is at /openapi.json.",
            ) from error
        folder: Path = bundle.swagger_ui_path
        return (folder / self._name).read_bytes()


def _constant(body: bytes, content_type: bytes) -> Callable[[], Awaitable[Reply]]:
    reply = Reply(200, body, content_type + b"; charset=utf-8", _SECURITY)

    async def make() -> Reply:
        return reply

    return make
