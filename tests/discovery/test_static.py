"""The static directory does what every directory does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from outgrow.discovery import Directory, Endpoint, StaticDirectory
from outgrow.testing.directories import directory_conformance


class Written:
    """Directories that are written down before anybody reads them."""

    lease_seconds = None

    @asynccontextmanager
    async def open(self, environment: str, known: Sequence[Endpoint]) -> AsyncIterator[Directory]:
        yield StaticDirectory(known)

    async def go_away(self) -> None:
        raise NotImplementedError

    come_back = come_back_empty = go_away


@asynccontextmanager
async def written() -> AsyncIterator[Written]:
    yield Written()


TestStatic = directory_conformance(written, has_leases=False)
