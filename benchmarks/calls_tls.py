"""
What certificates on both sides cost: our calls over gRPC with an identity, against without.

As in `calls_grpc`: client and server share one process and its event loop. The caller is known by
its certificate and its service is looked up in what is declared, at each call.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks.calling import CONCURRENCY, Meter, Payments, execution
from benchmarks.calls_ours import ours
from benchmarks.measure import alternate_async
from outgrow.calls.protobuf import Converters, Messages
from outgrow.context import enter, leave
from outgrow.contracts import read_contract

ROUNDS = 9
GOAL = 1.25


async def _figures() -> list[dict[str, Any]]:
    converters = Converters(Messages("benchmark", [read_contract(Payments)]))
    found = []
    async with ours(converters, is_plaintext=True) as plain, ours(converters) as our:
        token = enter(execution())
        for case, call in our.items():
            for concurrency in CONCURRENCY:
                value, baseline = Meter(call, concurrency), Meter(plain[case], concurrency)
                rounds = await alternate_async(value, baseline, ROUNDS)
                name = f"calls.grpc.tls{case}.{concurrency}"
                more = value.latencies()
                found.append(rounds.figure(name, "us cpu", of="without", goal=GOAL, **more))
        leave(token)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls with certificates."""
    yield from asyncio.run(_figures())
