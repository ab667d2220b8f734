"""The wired world: one process whose services call each other over real gRPC, twice."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from outgrow.calls import Transport
from outgrow.process import Hosted
from outgrow.testing.repeats import Repeating


@asynccontextmanager
async def wired(
    hosted: Hosted, *, offer: Callable[[str, Callable[[str], Transport]], None] | None = None
) -> AsyncIterator[Transport]:
    """
    Every call leaves the process by a socket, comes back, and is sent twice; streams once.

    Args:
        offer: Is given the address, and what connects to the services by another one.
    """
    try:
        # Imported here: pytest loads the plugin wherever outgrow is, with the extra or without.
        from outgrow.calls.grpc import (  # noqa: PLC0415
            GrpcServer,
            GrpcTransport,
            Revisions,
        )
        from outgrow.calls.protobuf import Converters, Messages  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = "The wired world needs the 'grpc' extra: pip install 'outgrow[grpc]'."
        raise ImportError(message) from error
    frozen = hosted.frozen
    converters = Converters(Messages(hosted.application, hosted.models, frozen.numbers))
    revisions = Revisions(frozen.numbers, frozen.contracts)
    server = GrpcServer(converters, hosted.reception.bind, hosted.clock, revisions=revisions)
    for model in hosted.models:
        server.admit(model)
    # The folder of a test's stores may have a longer path than a socket can.
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        address = await server.start(f"unix:{folder}/calls.sock")

        def connect(address: str) -> Transport:
            return Repeating(GrpcTransport(address, converters, hosted.clock, revisions=revisions))

        transport = connect(address)
        if offer is not None:
            offer(address, connect)
        try:
            yield transport
        finally:
            await transport.close()
            await server.drain(0)
