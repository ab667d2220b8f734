"""Streams over HTTP: items in answers and in bodies, their end, and what goes wrong among them."""

import asyncio
import logging
import sys
import types
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from outgrow.calls import InProcess, Reception, Transport
from outgrow.calls.grpc import GrpcServer, GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import Clock, ManualClock, SystemClock
from outgrow.context import current
from outgrow.contracts import Contract, query, read_contract
from outgrow.errors import InvalidContract
from outgrow.gateway import Edge, Limits
from outgrow.gateway.streaming import item_findings
from outgrow.telemetry import Meters
from tests.gateway.belt.contract import Belt, Part, Torn
from tests.gateway.conftest import Answer, Driver, authenticate

LIMITS = Limits(line_bytes_max=1_000)
WRITER = {"x_test_permissions": "belt:write"}
LINES = {"content_type": "application/x-ndjson"}


class Works(Belt):
    """
    Keeps the belt's contract.

    Attributes:
        made: How many items were asked for.
        deadline: That of what made them.
        taken: What was read.
        has_read_all: Whether reading came to an end in order.
        ended: Set when a method's own block has ended, however.
        is_near: Whether it is in the edge's process, where nothing is on the way when a call fails.
    """

    def __init__(self) -> None:
        self.is_near = True
        self.has_read_all = False
        self.made = 0
        self.deadline = 0.0
        self.taken: list[Any] = []
        self.ended = asyncio.Event()
        self.marked: asyncio.Queue[Any] = asyncio.Queue()
        self.waiting = asyncio.Event()

    async def watch(self, count: int, torn_at: int | None = None) -> AsyncIterator[Part]:
        try:
            for at in range(count):
                if at == torn_at:
                    raise Torn(at=at)
                yield Part(name=f"no. {at}", grams=at + 1)
        finally:
            self.ended.set()

    async def marks(self) -> AsyncIterator[int]:
        try:
            while True:
                self.waiting.set()
                mark = await self.marked.get()
                if isinstance(mark, Exception):
                    raise mark
                yield mark
        finally:
            self.ended.set()

    async def blocks(self, count: int) -> AsyncIterator[str]:
        self.deadline = current().deadline
        for _ in range(count):
            self.made += 1
            yield "x" * 65_536

    async def hasty(self) -> AsyncIterator[str]:
        try:
            async for block in self.blocks(10_000):
                yield block
        finally:
            self.ended.set()

    async def put(self, parts: AsyncIterator[Part], place: str, note: str = "none") -> str:
        try:
            async for part in parts:
                self.taken.append(part)
                if part.name == "enough":
                    break
            self.has_read_all = True
        finally:
            self.ended.set()
        return f"{len(self.taken)} at {place}, {note}"

    async def hesitate(self, parts: AsyncIterator[Part], place: str) -> str:
        async for part in parts:
            self.taken.append(part)
            if len(self.taken) == 1:
                self.waiting.set()
                await self.marked.get()
        return f"{len(self.taken)}"

    async def search(self, names: list[str], grams: int = 1) -> AsyncIterator[Part]:
        for name in names:
            yield Part(name=name, grams=grams)

    async def weigh(self, parts: AsyncIterator[Part]) -> AsyncIterator[int]:
        try:
            async for part in parts:
                self.taken.append(part)
                yield part.grams
                if part.name == "enough":
                    break
            while self.taken[-1:] and self.taken[-1].name == "enough":
                self.waiting.set()
                yield await self.marked.get()
        finally:
            self.ended.set()


@pytest.fixture
async def works() -> Works:
    return Works()


MODEL = read_contract(Belt)


def make_reception(works: Works, clock: Clock) -> Reception:
    reception = Reception(clock, Meters())
    reception.admit(MODEL, works, None)
    return reception


def edge_of(transport: Transport, clock: Clock) -> Edge:
    bind = transport.bind
    return Edge("belt", [MODEL], bind, clock, authenticate=authenticate, limits=LIMITS)


def make_edge(works: Works, clock: Clock) -> Edge:
    return edge_of(InProcess(make_reception(works, clock)), clock)


@pytest.fixture(params=["in process", "behind gRPC"])
async def edge(request: pytest.FixtureRequest, works: Works) -> AsyncIterator[Edge]:
    """An edge, and the works in its own process or in another's place."""
    clock = SystemClock()
    if request.param == "in process":
        yield make_edge(works, clock)
        return
    works.is_near = False
    converters = Converters(Messages("belt", [MODEL]))
    server = GrpcServer(converters, make_reception(works, clock).bind, clock)
    server.admit(MODEL)
    address = await server.start("127.0.0.1:0")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.drain, 0)
        transport = GrpcTransport(address, converters, clock)
        stack.push_async_callback(transport.close)
        yield edge_of(transport, clock)


@pytest.fixture
async def ask(edge: Edge) -> Driver:
    return Driver(edge)


def lines_of(answer: Answer) -> list[Any]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body.endswith(b"\n") or not answer.body
    return [msgspec.json.decode(line) for line in answer.body.splitlines()]


async def test_items_come_as_lines(ask: Driver, works: Works) -> None:
    answer = await ask("GET", "/parts/3")

    assert answer.status == 200
    assert "content-length" not in answer.headers
    assert [line["name"] for line in lines_of(answer)] == ["no. 0", "no. 1", "no. 2"]
    assert lines_of(await ask("GET", "/parts/0")) == []
    assert works.ended.is_set()


async def test_items_come_as_events_by_accept(ask: Driver) -> None:
    answer = await ask("GET", "/parts/2", accept="text/html, Text/Event-Stream;q=0.9")

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body.decode() == (
        "retry: 3000\n\n"
        'id: 0\ndata: {"name":"no. 0","grams":1}\n\n'
        'id: 1\ndata: {"name":"no. 1","grams":2}\n\n'
        'event: end\ndata: {"items":2}\n\n'
    )


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
async def test_what_fails_before_the_first_item_has_a_status(ask: Driver, accept: str) -> None:
    torn = await ask("GET", "/parts/3?torn_at=0", accept=accept)
    unfit = await ask("GET", "/parts/three", accept=accept)

    assert (torn.status, torn.json["type"], torn.json["at"]) == (409, "/problems/belt.Torn", 0)
    assert (unfit.status, list(unfit.findings)) == (400, ["path.count"])
    assert unfit.headers["content-type"] == "application/problem+json"


async def test_what_fails_after_items_is_the_last_line(ask: Driver, works: Works) -> None:
    *items, last = lines_of(await ask("GET", "/parts/3?torn_at=2"))

    assert [item["grams"] for item in items] == [1, 2]
    assert last.keys() == {"error"}
    assert (last["error"]["type"], last["error"]["at"]) == ("/problems/belt.Torn", 2)
    assert last["error"]["status"] == 409


async def test_what_fails_after_items_is_the_last_event(
    ask: Driver, works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    for mark in (7, ZeroDivisionError("secret")):
        works.marked.put_nowait(mark)
    with caplog.at_level(logging.ERROR, "outgrow.gateway"):
        answer = await ask("GET", "/marks", accept="text/event-stream")

    _, item, failure, nothing = answer.body.decode().split("\n\n")
    assert (item, nothing) == ("id: 0\ndata: 7", "")
    event, data = failure.split("\n")
    assert event == "event: error"
    problem = msgspec.json.decode(data.removeprefix("data: "))
    assert problem["type"] == "/problems/outgrow.CallFailed"
    assert problem["may_have_run"] is True
    assert "secret" not in failure
    assert "ZeroDivisionError" in caplog.text


async def test_the_head_alone_takes_one_item(ask: Driver, works: Works) -> None:
    answer = await ask("HEAD", "/blocks/9")

    assert (answer.status, answer.body) == (200, b"")
    assert works.made <= (1 if works.is_near else 2)
    await ask("HEAD", "/parts/9")
    assert works.ended.is_set() or not works.is_near
    assert answer.headers["content-type"] == "application/x-ndjson"


class Client:
    """Reads an answer while it is made, and may go away."""

    def __init__(self, edge: Edge, path: str, **headers: str) -> None:
        self._edge = edge
        self._scope = {"type": "http", "method": "GET", "path": path, "query_string": b""}
        sent = {name.encode(): text.encode() for name, text in headers.items()}
        self._scope["headers"] = list(sent.items())
        self._gone = asyncio.Event()
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self) -> None:
        await self._edge(self._scope, self._receive, self.heard.put)

    async def _receive(self) -> dict[str, str]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._gone.set()

    async def body(self) -> bytes:
        message = await self.heard.get()
        return message["body"] if message["type"] == "http.response.body" else await self.body()


async def test_silence_is_broken_by_comments(works: Works) -> None:
    clock = ManualClock()
    client = Client(make_edge(works, clock), "/marks", accept="text/event-stream")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await works.waiting.wait()
        clock.advance(15)
        assert await client.body() == b"retry: 3000\n\n: nothing yet\n\n"
        works.marked.put_nowait(1)
        assert await client.body() == b"id: 0\ndata: 1\n\n"
        clock.advance(14)
        works.marked.put_nowait(2)
        assert await client.body() == b"id: 1\ndata: 2\n\n"
        clock.advance(1)
        await settle()
        assert client.heard.empty()
        clock.advance(14)
        assert await client.body() == b": nothing yet\n\n"
        client.leave()


async def test_what_fails_after_silence_is_an_event(works: Works) -> None:
    clock = ManualClock()
    client = Client(make_edge(works, clock), "/marks", accept="text/event-stream")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await works.waiting.wait()
        clock.advance(15)
        assert (await client.heard.get())["status"] == 200
        works.marked.put_nowait(Torn(at=0))

    assert await client.body() == b"retry: 3000\n\n: nothing yet\n\n"
    assert (await client.body()).startswith(b'event: error\ndata: {"type":"/problems/outgrow.Call')


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, no time


async def test_a_client_that_goes_away_ends_the_stream(works: Works, edge: Edge) -> None:
    client = Client(edge, "/marks")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        works.marked.put_nowait(1)
        assert await client.body() == b"1\n"
        client.leave()
        await works.ended.wait()

    assert client.heard.empty()


async def test_a_deadline_covers_the_whole_stream(works: Works) -> None:
    clock = ManualClock()
    client = Client(make_edge(works, clock), "/marks")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await works.waiting.wait()
        for mark in (1, 2):
            clock.advance(29)
            works.marked.put_nowait(mark)
            assert await client.body() == b"%d\n" % mark
        clock.advance(2)

    failure = msgspec.json.decode(await client.body())["error"]
    assert (failure["type"], failure["status"]) == ("/problems/outgrow.CallTimedOut", 504)


async def test_nothing_before_the_deadline_is_answered_with_504(works: Works) -> None:
    clock = ManualClock()
    client = Client(make_edge(works, clock), "/marks")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await works.waiting.wait()
        clock.advance(60)

    assert (await client.heard.get())["status"] == 504


async def test_a_stream_may_take_an_hour_if_its_contract_does_not_say(works: Works) -> None:
    await Driver(make_edge(works, ManualClock()))("GET", "/blocks/1")

    assert works.deadline == 3_600


@pytest.mark.parametrize("size", [1, 5, 1_000])
async def test_a_body_is_read_line_by_line(ask: Driver, works: Works, size: int) -> None:
    body = b'{"name":"a"}\r\n\n  \n{"name":"b\\u00e9","grams":2}\n{"name":"c"}'
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    answer = await ask("POST", "/parts/x?note=now", chunks=chunks, **LINES, **WRITER)

    assert answer.json == "3 at x, now"
    assert works.taken == [Part(name="a"), Part(name="bé", grams=2), Part(name="c")]
    assert (await ask("POST", "/parts/x", **WRITER)).json == "3 at x, none"


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        (b'{"name":7}', "line 3.name", "7"),
        (b'{"name":"c","gram":1}', "line 3.gram", "grams"),
        (b'{"name":"c","grams":0}', "line 3.grams", "at least 1"),
        (b'{"name":"c"} {"name":"d"}', "line 3", "no JSON"),
        (b'{"name":"c","name":"d"}', "line 3", "twice"),
        (b"[" * 990, "line 3", ""),
        (b"null", "line 3", "an object"),
    ],
)
async def test_a_line_that_does_not_fit_is_named(
    ask: Driver, works: Works, line: bytes, place: str, said: str
) -> None:
    body = b'{"name":"a"}\n\n' + line + b'\n{"name":"e"}\n'
    answer = await ask("POST", "/parts/x", body=body, **LINES, **WRITER)

    assert answer.status == 400
    assert said in answer.findings[place]
    assert answer.json["may_have_run"] is True
    if works.is_near:
        assert works.taken == [Part(name="a")]
        assert works.ended.is_set()
    else:
        assert works.taken in ([], [Part(name="a")])


async def test_a_line_over_the_limit_is_refused_before_it_has_arrived(
    ask: Driver, works: Works
) -> None:
    chunks = [b'{"name":"a"}\n{"name":"', *[b"x" * 400] * 1_000, b'"}\n']
    answer = await ask("POST", "/parts/x", chunks=chunks, **LINES, **WRITER)

    assert (answer.status, answer.json["type"]) == (413, "/problems/outgrow.LineTooLong")
    assert (answer.json["line"], answer.json["line_bytes_max"]) == (2, 1_000)
    assert "1000 bytes" in answer.json["detail"]


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
async def test_a_stream_is_sent_as_lines(ask: Driver, works: Works, media_type: str) -> None:
    answer = await ask("POST", "/parts/x", body=b"{}", content_type=media_type, **WRITER)

    assert answer.status == 415
    assert answer.headers["accept"] == "application/x-ndjson"


async def test_beside_a_stream_parameters_stand_in_the_url(ask: Driver, works: Works) -> None:
    answer = await ask("POST", "/parts/x?nota=1&note=", body=b"{}\n", **LINES, **WRITER)

    assert answer.status == 400
    assert list(answer.findings) == ["query.nota"]
    assert (await ask("POST", "/parts/x", body=b"{}\n", **LINES)).status == 403
    assert works.taken == []


async def test_a_reply_before_the_end_of_the_body_closes_the_connection(
    ask: Driver, works: Works
) -> None:
    chunks = [b'{"name":"enough"}\n', *[b'{"name":"more"}\n' * 10] * 20_000]
    answer = await ask("POST", "/parts/x", chunks=chunks, **LINES, **WRITER)

    assert (answer.json, answer.headers["connection"]) == ("1 at x, none", "close")


async def test_a_body_of_json_is_answered_with_a_stream(ask: Driver) -> None:
    found = await ask("POST", "/searches", {"names": ["a", "b"], "grams": 2})
    unfit = await ask("POST", "/searches", {"names": ["a", 2]})

    assert lines_of(found) == [{"name": "a", "grams": 2}, {"name": "b", "grams": 2}]
    assert (unfit.status, list(unfit.findings)) == (400, ["body.names[1]"])


async def test_items_go_both_ways(ask: Driver, works: Works) -> None:
    body = b"".join(b'{"name":"a","grams":%d}\n' % n for n in range(1, 6))

    assert lines_of(await ask("POST", "/weighings", body=body, **LINES)) == [1, 2, 3, 4, 5]
    failed = await ask("POST", "/weighings", body=body + b"x\n", **LINES)
    if failed.status == 200:
        *items, last = lines_of(failed)
        assert items == [1, 2, 3, 4, 5][: len(items)]
        assert last["error"]["findings"][0]["place"] == "line 6"
        assert len(items) == 5 or not works.is_near
    else:  # The failure was faster than what was on the way back.
        assert (failed.status, works.is_near) == (400, False)
        assert list(failed.findings) == ["line 6"]
    assert (await ask("POST", "/weighings", body=b"x\n", **LINES)).status == 400


CONFUSABLE = """
import enum
from collections.abc import AsyncIterator
from typing import Literal
from outgrow.contracts import Contract, Record, query
class Kind(enum.Enum):
    ERROR = "error"
    FINE = "fine"
class Only(Record):
    error: str
class Lean(Record, omit_defaults=True):
    error: str
    more: int = 0
class Whole(Record):
    error: str
    more: int = 0
class Named(Record, rename={{"error": "problem"}}):
    error: str
class One(Record, tag="one"):
    error: str
class Two(Record, tag="two"):
    error: str
class Bare(Record, tag="bare", tag_field="error"):
    pass
class Told(Record, tag="told", tag_field="error"):
    more: int
class Shop(Contract):
    @query("GET /items")
    def watch(self) -> AsyncIterator[{}]: ...
"""


@pytest.mark.parametrize(
    ("item", "is_refused"),
    [
        ("dict[str, int]", True),
        ("dict[Kind, int]", True),
        ("dict[Literal['a', 'error'], int]", True),
        ("dict[Literal['a'], int]", False),
        ("dict[int, int]", False),
        ("Only", True),
        ("Lean", True),
        ("Whole", False),
        ("Named", False),
        ("One", False),
        ("Bare", True),
        ("Bare | Told", True),
        ("Told", False),
        ("One | Two", False),
        ("list[Only]", False),
        ("str", False),
    ],
)
async def test_no_item_may_look_like_an_error(item: str, is_refused: bool) -> None:
    module = types.ModuleType("confusable.contract")
    sys.modules[module.__name__] = module
    try:
        exec(CONFUSABLE.format(item), vars(module))
        model = read_contract(module.Shop)
    finally:
        del sys.modules[module.__name__]
    slugs = [finding.slug for finding in item_findings(model.methods["watch"])]
    assert slugs == (["stream-item-http"] if is_refused else [])


async def test_an_application_with_such_items_is_refused() -> None:
    class Counting(Contract):
        @query("GET /counts")
        def watch(self) -> AsyncIterator[dict[str, int]]: ...

    with pytest.raises(InvalidContract, match="one member 'error'"):
        Edge("shop", [read_contract(Counting)], lambda _: None, ManualClock())
