"""A server and a transport to it, with functions of the test's own behind them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from grpc_tools import protoc

from outgrow.calls.grpc import GrpcServer, GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import Caller, Context, new_id, new_span_id, new_trace_id
from outgrow.contracts import Method, read_contract
from tests.calls.grpc.google import INCLUDES, SHOP, place
from tests.calls.grpc.workshop import Workshop

MODEL = read_contract(Workshop)


class Wire:
    """Both ends of a connection; `on` says what a method does."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.clock = SystemClock()
        self.converters = Converters(Messages("shop", [MODEL]))
        self.received: list[tuple[Any, ...]] = []
        self.behaviour: dict[str, Callable[..., Awaitable[Any]]] = {}
        self.server: GrpcServer
        self.transport: GrpcTransport
        self.address = ""
        self._stack = stack

    async def start(self, address: str = "127.0.0.1:0", **options: Any) -> None:
        self.server = GrpcServer(self.converters, self._bind, self.clock, **options)
        self.server.admit(MODEL)
        self.address = await self.server.start(address)
        self._stack.push_async_callback(self.server.drain, 0)
        self.transport = self.connect()

    def connect(self, **options: Any) -> GrpcTransport:
        transport = GrpcTransport(self.address, self.converters, self.clock, **options)
        self._stack.push_async_callback(transport.close)
        return transport

    def _bind(self, method: Method) -> Callable[..., Awaitable[Any]]:
        async def invoke(context: Context, *arguments: Any) -> Any:
            self.received.append((context, *arguments))
            return await self.behaviour[method.name](*arguments)

        return invoke

    def on(self, name: str, run: Callable[..., Awaitable[Any]]) -> None:
        self.behaviour[name] = run

    def context(self, seconds: float = 10.0, **fields: Any) -> Context:
        known: dict[str, Any] = {
            "caller": Caller(kind="user", subject="ann", permissions=frozenset({"a", "b"})),
            "correlation_id": new_id(),
            "trace_id": new_trace_id(),
            "span_id": new_span_id(),
            "deadline": self.clock.monotonic() + seconds,
            "key": "a key with ü",
            "via": "orders",
        }
        return Context(**(known | fields))

    async def call(self, name: str, *arguments: Any, seconds: float = 10.0) -> Any:
        invoke = self.transport.bind(MODEL.methods[name])
        return await invoke(self.context(seconds), *arguments)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def wire(stack: AsyncExitStack) -> Wire:
    wire = Wire(stack)
    await wire.start()
    return wire


@pytest.fixture
def unstarted(stack: AsyncExitStack) -> Wire:
    return Wire(stack)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The folder that holds what grpcio-tools generated."""
    folder = tmp_path_factory.mktemp("client")
    protos = sorted((SHOP / "contracts").glob("*.proto"))
    place(folder, {f"shop_client/{path.name}": path.read_text() for path in protos})
    files = [str(path) for path in folder.rglob("*.proto")]
    out = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
    assert protoc.main(["protoc", f"-I{folder}", f"-I{INCLUDES}", *out, *files]) == 0
    # As a program of others would: Google's two files come from the generated folder too.
    import google

    before = list(google.__path__)
    google.__path__.append(str(folder / "google"))
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    google.__path__[:] = before
