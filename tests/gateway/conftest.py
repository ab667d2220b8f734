import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.context import Caller, Context
from outgrow.contracts import Method, read_contract
from outgrow.gateway import Edge, Headers, Limits, Listener
from tests.gateway.bakery.contract import Bakery, NoSuchOrder, Order, OutOfStock


class Kitchen:
    """
    Keeps the bakery's contract, and remembers under which contexts it was called.

    Plays the part of a transport: the edge calls it as it calls any other.
    """

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.errors: dict[str, Exception] = {}
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()

    def bind(self, method: Method) -> Callable[..., Any]:
        run = getattr(self, method.name)

        async def invoke(context: Context, *arguments: Any) -> Any:
            self.contexts.append(context)
            return await run(*arguments)

        return invoke

    async def place_order(self, user_id: str, lines: Any, size: Any, due: Any) -> Order:
        for line in lines:
            if line.sku == "gone":
                raise OutOfStock(sku=line.sku, left=0)
        return Order(order_id=f"{user_id}-{size.value}", lines=lines, due=due)

    async def get_order(self, order_id: str) -> Order:
        if order_id == "none":
            raise NoSuchOrder(order_id=order_id)
        return Order(order_id=order_id, lines=[])

    async def cancel_order(self, order_id: str) -> None: ...

    async def write_note(self, text: str, order_id: str, number: int, loud: bool) -> str:
        return f"{text} {order_id} {number} {loud}"

    async def latest(self) -> None: ...

    async def price(self, *arguments: Any) -> str:
        return repr(arguments)

    async def delete_order(self, order_id: str, reason: str) -> None: ...

    async def pack(self, boxes: dict[str, Any]) -> int:
        return len(boxes)

    async def slow(self) -> str:
        self.started.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"

    async def large(self, kilobytes: int) -> str:
        return "x" * 1024 * kilobytes

    async def fail(self, how: str) -> str:
        raise self.errors[how]

    async def hidden(self) -> str:
        return "seen"


@pytest.fixture
async def kitchen() -> Kitchen:
    return Kitchen()


@dataclass
class Answer:
    """What came back from an ASGI application that was driven directly."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def findings(self) -> dict[str, str]:
        return {finding["place"]: finding["message"] for finding in self.json["findings"]}


class Driver:
    """Drives an ASGI application without a server."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def __call__(
        self,
        verb: str,
        target: str,
        json: Any = None,
        *,
        body: bytes | None = None,
        chunks: list[bytes] | None = None,
        root_path: str = "",
        **headers: str,
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
        if json is not None:
            body = msgspec.json.encode(json)
            sent.setdefault(b"content-type", b"application/json")
        if body is not None:
            sent.setdefault(b"content-length", str(len(body)).encode())
        if chunks is not None:
            sent[b"transfer-encoding"] = b"chunked"
        parts = [body or b""] if chunks is None else chunks
        messages = [
            {"type": "http.request", "body": part, "more_body": n < len(parts) - 1}
            for n, part in enumerate(parts)
        ]
        answer = Answer()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                for name, text in message["headers"]:
                    assert name.decode() not in answer.headers
                    answer.headers[name.decode()] = text.decode()
            else:
                answer.body += message["body"]

        scope = {
            "type": "http",
            "method": verb,
            "path": _decoded(path),
            "raw_path": path.encode(),
            "root_path": root_path,
            "query_string": query.encode(),
            "headers": list(sent.items()),
        }
        await self.edge(scope, receive, send)
        return answer


def _decoded(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path, errors="replace")


def authenticate(headers: Headers) -> Caller:
    permissions = headers.get(b"x-test-permissions", b"").decode().split()
    return Caller(permissions=frozenset(permissions))


def make_edge(kitchen: Kitchen, **options: Any) -> Edge:
    options.setdefault("authenticate", authenticate)
    return Edge("bakery", [read_contract(Bakery)], kitchen.bind, SystemClock(), **options)


@pytest.fixture
async def ask(kitchen: Kitchen) -> Driver:
    return Driver(make_edge(kitchen, limits=Limits(body_bytes_max=4096)))


@pytest.fixture
async def listener(kitchen: Kitchen) -> AsyncIterator[Listener]:
    listener = Listener(make_edge(kitchen), "127.0.0.1:0", SystemClock(), setting="test")
    await listener.start()
    yield listener
    kitchen.released.set()
    await listener.drain(5)


@pytest.fixture
async def client(listener: Listener) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(listener.url) as session:
        yield session
