"""Caller and callee of one behaviour, with the transport that is tried between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol, TypeVar

from outgrow.calls import Invoke, Reception, Transport, client_class, connect
from outgrow.clock import Clock, SystemClock
from outgrow.context import Caller, Context, new_id, new_span_id, new_trace_id
from outgrow.contracts import ContractModel, Method, read_contract
from outgrow.errors import InternalError
from outgrow.telemetry import Meters
from outgrow.testing.transports.contract import Absent, Probe
from outgrow.testing.transports.subject import InMemory, Subject

F = TypeVar("F", bound=Callable[..., Any])

MODEL = read_contract(Probe)
ABSENT = read_contract(Absent)
ANN = Caller(
    kind="user", subject="änn", permissions=frozenset({"probes:read", "b"}), tenant="north"
)
ABILITIES: Final = {
    "away": "the callee can be away: it stops, starts again, and is reached anew",
    "closing": "calls under way end when their transport is closed",
    "limit": "a message has a largest size",
    "revisions": "caller and callee may have different revisions of a contract",
    "types": "arguments and replies are held against their types",
    "streams": "methods may take and give streams",
}
"""What a transport may lack, if its author says why."""

PATIENCE_SECONDS = 10.0
"""How long a behaviour waits for what must happen; nothing that holds takes nearly as long."""


def needs(ability: str) -> Callable[[F], F]:
    """Mark a behaviour that only a transport with this *ability* can have."""
    assert ability in ABILITIES, ability

    def mark(behaviour: F) -> F:
        others = getattr(behaviour, "__needs__", ())
        behaviour.__needs__ = (*others, ability)  # type: ignore[attr-defined]
        return behaviour

    return mark


class Callee(Protocol):
    """
    The other side of a transport, as its author makes it for the suite.

    Lives as long as one behaviour. `start` and `stop` follow each other, more than once.
    """

    async def start(self) -> None:
        """Let calls in, at the same address as before."""

    async def stop(self, grace_seconds: float) -> None:
        """
        Let nobody in any more, and end; does nothing if it has.

        Calls under way may take *grace_seconds* to finish, and are cancelled then.
        """

    def connect(self, models: Sequence[ContractModel]) -> Transport:
        """A new transport to it, for a caller that has these contracts. It may not run just now."""


MakeCallee = Callable[[Reception, Sequence[ContractModel], Clock], Callee]
"""
Makes the other side: what lets calls of the contracts into the reception.

The clock is the one on which deadlines are told, on both sides.
"""


class _Doors(Reception):
    """
    A reception that ends each call of `knock` with an error of the behaviour's.

    A service could not: whatever it raises and does not declare becomes a failure.
    """

    error: BaseException = InternalError("no behaviour has said what `knock` ends with")

    def bind(self, method: Method) -> Invoke:
        """What executes *method*; of `knock`, what raises the error."""
        return super().bind(method) if method.name != "knock" else self._knock

    async def _knock(self, _: Context) -> Any:
        raise self.error


class Bench:
    """
    A callee that runs, and a client of it.

    Attributes:
        client: A client of `Probe`; it calls for ``ANN``.
        subject: The callee.
        callee: What the transport's author made.
        transport: What is tried.
        reception: Where calls come in.
        clock: The machine's own.
        message_bytes_max: The largest message; None if there is no limit.
    """

    def __init__(
        self, make: MakeCallee, stack: AsyncExitStack, message_bytes_max: int | None
    ) -> None:
        self.clock = SystemClock()
        self.subject = Subject(self.clock.monotonic)
        self.reception = _Doors(self.clock, Meters())
        self.reception.admit(MODEL, self.subject, InMemory())
        self.callee = make(self.reception, [MODEL], self.clock)
        self.message_bytes_max = message_bytes_max
        self._stack = stack
        self._transports: list[Transport] = []
        self.transport: Transport
        self.client: Any

    async def open(self) -> None:
        """Start the callee, and connect; both end with the behaviour."""
        self._stack.push_async_callback(self._close)
        await self.callee.start()
        self.transport = self.connect()
        self.client = self.client_of(self.transport)

    async def _close(self) -> None:
        for transport in self._transports:
            await transport.close()
        await self.callee.stop(0)

    def on(self, name: str, run: Callable[..., Any]) -> None:
        """Let *run* be what the callee's method *name* does."""
        self.subject.on(name, run)

    def refuse(self, error: BaseException) -> None:
        """Let calls of `knock` end with exactly this *error*."""
        self.reception.error = error

    def connect(self, models: Iterable[ContractModel] = (MODEL, ABSENT)) -> Transport:
        """A transport of its own to the callee."""
        transport = self.callee.connect(list(models))
        self._transports.append(transport)
        return transport

    def client_of(
        self,
        transport: Transport,
        model: ContractModel = MODEL,
        *,
        caller: Caller = ANN,
        via: str = "",
    ) -> Any:
        """A client of the contract *model* over *transport*."""
        client = client_class(model)(transport.bind, model, self.clock, via=via, caller=caller)
        connect(client)
        return client

    def context(self, method: str, seconds: float = PATIENCE_SECONDS, **fields: Any) -> Context:
        """The context of a call of *method*, with *fields* as they are wanted."""
        known: dict[str, Any] = {
            "caller": ANN,
            "correlation_id": new_id(),
            "trace_id": new_trace_id(),
            "span_id": new_span_id(),
            "deadline": self.clock.monotonic() + seconds,
            "method": MODEL.methods[method].full_name,
        }
        return Context(**(known | fields))

    async def invoke(self, context: Context, *arguments: Any) -> Any:
        """Call under exactly this context, by the transport alone."""
        return await self.transport.bind(self.method(context))(context, *arguments)

    def method(self, context: Context) -> Method:
        """The method that *context* is of."""
        return MODEL.methods[context.method.rpartition(".")[2]]

    def entered(self, name: str) -> int:
        """How many executions of the method *name* have begun."""
        return sum(call[0] == name for call in self.subject.calls)

    async def until_entered(self, name: str, times: int = 1) -> None:
        """Return when the method *name* has begun so often."""
        await self.subject.until(lambda: self.entered(name) >= times, PATIENCE_SECONDS)

    async def until_idle(self) -> None:
        """Return when nothing is under way at the callee any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.reception.wait_idle()
            while self.reception.statistics()["streams_open"]:
                await self.clock.sleep(0.005)
