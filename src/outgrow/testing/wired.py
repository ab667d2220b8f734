"""The wired world: one process whose services call each other over real gRPC, twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outgrow.calls import InProcess, Transport
from outgrow.process import Hosted
from outgrow.testing.repeats import Repeating


@asynccontextmanager
async def wired(hosted: Hosted) -> AsyncIterator[Transport]:
    yield Repeating(InProcess(hosted.reception))
