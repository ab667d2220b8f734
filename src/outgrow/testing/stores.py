"""Stores for tests that construct a service by hand."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from outgrow.clock import Clock, SystemClock
from outgrow.contracts import service_name, service_package
from outgrow.process import open_service_store
from outgrow.store import Store
from outgrow.testing.noting import note


@asynccontextmanager
async def temporary_store(
    service: type, *, clock: Clock | None = None, url: str | None = None
) -> AsyncIterator[Store]:
    """
    An empty store for *service*, with its migrations, gone at the end of the block.

    What is recorded and sent stays in its journal; nothing is delivered.

    Args:
        service: The service class, whose package holds the migrations.
        clock: What time it is; the system's clock by default.
        url: An empty database in PostgreSQL, such as the fixture ``postgres_url`` tells; an SQLite
            file if None.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="outgrow-"))
        store, _ = await open_service_store(
            stack,
            Path(folder) if url is None else url,
            application="test",
            service=service_name(service.__module__),
            package=service_package(service.__module__),
            clock=clock or SystemClock(),
        )
        yield store
        note(store)
