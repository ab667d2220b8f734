"""A NATS server for each test, and the two processes that hear each other over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journal.nats import parts
from tests.journal.nats.server import NatsServer

Open = Callable[..., Any]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Where the stores are: in files; `make test-all` has them in PostgreSQL too."""
    kind: str = request.param
    return kind


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that does not run yet."""
    server = NatsServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
async def server(stopped: NatsServer) -> NatsServer:
    await stopped.start()
    return stopped


@pytest.fixture
def writing(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with writing() as shop``: the process that hosts orders."""
    return lambda **options: parts.writing(tmp_path, stopped.url, **{"urls": urls} | options)


@pytest.fixture
def listening(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with listening() as post``: the process that hosts letters."""
    return lambda **options: parts.listening(tmp_path, stopped.url, **{"urls": urls} | options)
