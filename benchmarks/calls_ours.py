"""
Our whole path between two processes, for the figures that measure it.

Client, directory, choice of a replica, repeats, deadline, trace, measures, certificates on both
sides, the declared caller, the reception. Both sides share one process and its event loop.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.calling import Call, Payments, PaymentsService, cases
from outgrow.calls import Patience, Reception, Transport, client_class, connect
from outgrow.calls.grpc import GrpcServer, GrpcTransport, Peer
from outgrow.calls.protobuf import Converters
from outgrow.calls.reaching import Balanced, Retrying
from outgrow.clock import SystemClock
from outgrow.contracts import read_contract
from outgrow.discovery import Endpoint, StaticDirectory, following
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Authority, Guard, Identity, Issuer
from outgrow.telemetry import Meters


@asynccontextmanager
async def ours(
    converters: Converters, *, is_plaintext: bool = False
) -> AsyncIterator[dict[str, Call]]:
    """The calls of `cases`, each through all that a call between two processes goes through."""
    clock, model = SystemClock(), read_contract(Payments)
    reception = Reception(clock, Meters())
    reception.admit(model, PaymentsService(), None)
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        issuer = Issuer(Authority(clock), Path(folder), clock)
        front, back = (
            Identity(issuer.provide(Name(application="shop", environment="local", process=name)))
            for name in ("front", "back")
        )
        declared: dict[str, tuple[str, ...]] = {model.service: ("orders",)}
        callers = Callers(declared=declared, hosts={"front": ("orders",)})
        guard = None if is_plaintext else Guard(back, lambda: callers)
        server = GrpcServer(converters, reception.bind, clock, guard=guard)
        server.admit(model)
        peer = None if is_plaintext else Peer(identity=front, process="back")

        def reach(endpoint: Endpoint) -> Transport:
            return GrpcTransport(endpoint.address, converters, clock, peer=peer)

        endpoint = Endpoint(
            service=model.service,
            address=await server.start("127.0.0.1:0"),
            process="back",
            instance="back",
        )
        async with following(StaticDirectory([endpoint])) as followed:
            balanced = Balanced(followed.of(model.service), reach, clock)
            transport = Retrying(balanced, clock, Patience(), balanced.budget)
            client: Any = client_class(model)(transport.bind, model, clock, via="orders")
            connect(client)
            yield cases(client)
            await transport.close()
        await server.drain(0)
