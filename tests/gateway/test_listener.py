import asyncio
import io
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from outgrow.clock import SystemClock
from outgrow.errors import ListenRefused
from outgrow.gateway import Listener, open_socket
from tests.gateway.conftest import Kitchen, make_edge

SETTING = "outgrow.toml, [gateway] http"
GET = b"GET /orders/%d HTTP/1.1\r\nhost: x\r\n\r\n"


def make_listener(kitchen: Kitchen, address: str | Path = "127.0.0.1:0") -> Listener:
    return Listener(make_edge(kitchen), address, SystemClock(), setting=SETTING)


class Connection:
    """A client that speaks HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read_answer(self) -> tuple[int, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(
            line.lower().split(b": ", 1) for line in head.strip().split(b"\r\n")[1:] if line
        )
        body = await self.reader.readexactly(int(fields.get(b"content-length", b"0")))
        return int(head.split()[1]), body

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        return await self.read_answer()


Connect = Callable[[], Any]


@pytest.fixture
async def connect(listener: Listener) -> AsyncIterator[Connect]:
    opened: list[Connection] = []

    async def connect() -> Connection:
        opened.append(Connection(*await asyncio.open_connection("127.0.0.1", listener.port)))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.writer.close()


async def test_a_real_client_is_answered(client: aiohttp.ClientSession) -> None:
    order = {"user_id": "ada", "lines": [{"sku": "bun", "quantity": 2}]}
    async with client.post("/orders", json=order, headers={"Idempotency-Key": "k"}) as answer:
        assert answer.status == 200
        assert answer.headers["Idempotency-Key"] == "k"
        assert "Date" in answer.headers
        assert "Server" not in answer.headers
        assert (await answer.json())["order_id"] == "ada-small"
    async with client.post("/orders/1/cancel") as answer:
        assert answer.status == 204
    async with client.head("/orders/1") as answer:
        assert answer.status == 200
    async with client.get("/orders/été%2F1") as answer:
        assert (await answer.json())["order_id"] == "été/1"


async def test_a_body_of_10_mb_is_refused_and_the_server_lives(
    client: aiohttp.ClientSession,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"x" * 65536

    headers = {"content-type": "application/json"}
    for body in (io.BytesIO(b"x" * 10_000_000), endless()):
        async with client.post("/orders", data=body, headers=headers) as answer:
            assert answer.status == 413
            assert answer.content_type == "application/problem+json"
    async with client.get("/orders/1") as answer:
        assert answer.status == 200


async def test_a_body_that_was_refused_unread_leaves_no_half_request(connect: Connect) -> None:
    connection = await connect()
    body = b"GET /orders/99 HTTP/1.1\r\nhost: x\r\n\r\n" * 5000
    request = b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    status, _ = await connection.ask(request + body)

    assert status == 404
    assert await connection.reader.read() == b""


async def test_a_small_body_that_was_refused_unread_keeps_the_connection(
    connect: Connect,
) -> None:
    connection = await connect()
    refused = b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nGET /"

    assert (await connection.ask(refused))[0] == 404
    assert (await connection.ask(GET % 1))[0] == 200


async def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    connection = await connect()
    connection.writer.write(b"".join(GET % n for n in range(20)))
    answers = [await connection.read_answer() for _ in range(20)]

    assert [status for status, _ in answers] == [200] * 20
    assert [b'"order_id":"%d"' % n in body for n, (_, body) in enumerate(answers)] == [True] * 20


async def test_a_slow_reader_gets_all_and_holds_nobody_up(
    connect: Connect, client: aiohttp.ClientSession
) -> None:
    slow = await connect()
    slow.writer.write(b"GET /large/8192 HTTP/1.1\r\nhost: x\r\n\r\n")
    await slow.reader.readuntil(b"\r\n\r\n")
    for _ in range(20):
        async with client.get("/orders/1") as answer:
            assert answer.status == 200

    assert len(await slow.reader.readexactly(8192 * 1024 + 2)) == 8192 * 1024 + 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /orders/1 HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /x HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET /orders/\xe9 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_with_problem_details(
    connect: Connect, client: aiohttp.ClientSession, garbage: bytes
) -> None:
    status, body = await (await connect()).ask(garbage)

    assert status == 400
    assert b"/problems/" in body
    async with client.get("/orders/1") as answer:
        assert answer.status == 200


async def test_a_head_without_end_is_cut_off(connect: Connect) -> None:
    connection = await connect()
    connection.writer.write(b"GET /orders/1 HTTP/1.1\r\n")
    connection.writer.write(b"x-filler: " + b"x" * 100_000)
    status, body = await connection.read_answer()

    assert status == 431
    assert b"RequestUnreadable" in body


async def test_a_call_is_cancelled_when_its_connection_breaks(
    connect: Connect, kitchen: Kitchen
) -> None:
    connection = await connect()
    connection.writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    await kitchen.started.wait()
    connection.writer.close()

    await asyncio.wait_for(kitchen.cancelled.wait(), 5)


async def test_drain_finishes_what_has_begun_and_lets_nobody_in(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    await listener.start()
    async with aiohttp.ClientSession(listener.url) as client, asyncio.TaskGroup() as group:
        async with client.get("/orders/1"):
            pass  # Its connection is kept alive, and must not hold the drain up.
        request = group.create_task(client.get("/slow"))
        await kitchen.started.wait()
        drained = group.create_task(listener.drain(5))
        while listener._server is not None and listener._server.is_serving():
            await asyncio.wait([drained], timeout=0.01)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", listener.port)
        kitchen.released.set()

        assert await drained == 0
        assert (await request).status == 200


async def test_drain_answers_for_a_moment_what_comes_on_open_connections(kitchen: Kitchen) -> None:
    opened = open_socket("127.0.0.1:0", SETTING)
    given = opened.dup()
    listener = Listener(
        make_edge(kitchen), "127.0.0.1:0", SystemClock(), setting=SETTING, opened=given
    )
    await listener.start()
    used = Connection(*await asyncio.open_connection("127.0.0.1", listener.port))
    idle = Connection(*await asyncio.open_connection("127.0.0.1", listener.port))
    for connection in (used, idle):
        assert (await connection.ask(GET % 1))[0] == 200
    async with asyncio.TaskGroup() as group:
        drained = group.create_task(listener.drain(5, linger_seconds=0.3))
        await asyncio.wait([drained], timeout=0)
        late = await asyncio.open_connection(*opened.getsockname())  # It waits, not refused.

        used.writer.write(GET % 2)
        head = await used.reader.readuntil(b"\r\n\r\n")

        assert b"200" in head.split(b"\r\n")[0]
        assert b"connection: close" in head.lower()
        assert await used.reader.read()  # The body, and then the end.
        assert await idle.reader.read() == b""
        assert await drained == 0
    follower = Listener(
        make_edge(kitchen), "127.0.0.1:0", SystemClock(), setting=SETTING, opened=opened
    )
    await follower.start()
    assert (await Connection(*late).ask(GET % 3))[0] == 200
    await follower.drain(5)
    for connection in (used, idle):
        connection.writer.close()
    late[1].close()


async def test_drain_cuts_off_what_does_not_end_in_time(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    await listener.start()
    async with aiohttp.ClientSession(listener.url) as client, asyncio.TaskGroup() as group:
        request = group.create_task(_status(client, "/slow"))
        await kitchen.started.wait()

        assert await listener.drain(0.05) == 1
        assert await request == 0
        assert kitchen.cancelled.is_set()


async def _status(client: aiohttp.ClientSession, path: str) -> int:
    try:
        async with client.get(path) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def test_drain_does_not_wait_for_a_reader_that_has_stopped(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, limit=1024)
    writer.write(b"GET /large/20000 HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(5):
        await listener.drain(0.1)
    writer.close()


async def test_stop_is_at_once_and_may_be_repeated(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    async with asyncio.timeout(1):
        await listener.stop()
        await listener.stop()

    assert await reader.read() == b""
    writer.close()


async def test_a_port_is_known_before_anything_is_served(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    listener.bind()

    assert listener.url == f"http://127.0.0.1:{listener.port}"
    assert listener.port > 0
    await listener.stop()


async def test_a_client_that_comes_early_waits_until_it_is_served(kitchen: Kitchen) -> None:
    listener = make_listener(kitchen)
    listener.bind()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(GET % 1)
    await listener.start()

    assert (await Connection(reader, writer).read_answer())[0] == 200
    writer.close()
    await listener.stop()


async def test_a_port_in_use_is_refused_with_place_and_remedy(
    listener: Listener, kitchen: Kitchen
) -> None:
    with pytest.raises(ListenRefused) as caught:
        await make_listener(kitchen, f"127.0.0.1:{listener.port}").start()

    assert str(caught.value) == (
        f"{SETTING}: 127.0.0.1:{listener.port} is in use by another program. "
        "Stop it, choose another port, or port 0 for one that is free."
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("8080", 'Write "host:port"'),
        ("127.0.0.1:x", 'Write "host:port"'),
        ("127.0.0.1:70000", 'Write "host:port"'),
        (":80", 'Write "host:port"'),
        ("192.0.2.1:0", "is not an address of this machine"),
        ("no.such.host.invalid:0", "is no address"),
    ],
)
async def test_an_address_that_is_none_is_refused(
    kitchen: Kitchen, address: str, message: str
) -> None:
    with pytest.raises(ListenRefused, match=message) as caught:
        await make_listener(kitchen, address).start()

    assert caught.value.place == SETTING


async def test_ipv6_and_names_can_be_listened_on(kitchen: Kitchen) -> None:
    for address in ("[::1]:0", "localhost:0"):
        listener = make_listener(kitchen, address)
        try:
            await listener.start()
        except ListenRefused:  # A machine need not have IPv6.
            assert address == "[::1]:0"
            continue
        async with aiohttp.ClientSession() as client, client.get(f"{listener.url}/orders/1") as got:
            assert got.status == 200
        await listener.stop()


async def test_a_unix_socket_is_for_this_user_and_gone_afterwards(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    path = tmp_path / "edge.sock"
    listener = make_listener(kitchen, path)
    await listener.start()
    connector = aiohttp.UnixConnector(str(path))
    session = aiohttp.ClientSession("http://x", connector=connector)
    async with session as client, client.get("/orders/1") as answer:
        assert answer.status == 200
    assert path.stat().st_mode & 0o777 == 0o600
    assert listener.url == f"unix:{path}"
    await listener.drain(5)

    assert not path.exists()


async def test_a_unix_socket_of_a_dead_process_is_replaced(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    path = tmp_path / "edge.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = make_listener(kitchen, path)
    await listener.start()

    await listener.stop()


async def test_a_unix_socket_in_use_is_refused(kitchen: Kitchen, tmp_path: Path) -> None:
    path = tmp_path / "edge.sock"
    first = make_listener(kitchen, path)
    await first.start()
    with pytest.raises(ListenRefused, match="is in use by another program"):
        await make_listener(kitchen, path).start()
    assert path.exists()
    await first.stop()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file", "exists and is no socket"),
        ("x" * 200, "longer than the 107 bytes"),
        ("missing/edge.sock", "cannot be listened on: No such file or directory"),
    ],
)
async def test_a_unix_path_that_cannot_be_is_refused(
    kitchen: Kitchen, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ListenRefused, match=message):
        await make_listener(kitchen, tmp_path / name).start()

    assert (tmp_path / "file").read_text() == "precious"


async def test_signals_are_left_alone(kitchen: Kitchen) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    listener = make_listener(kitchen)
    await listener.start()

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await listener.stop()


async def test_statistics_tell_what_is_going_on(
    listener: Listener, client: aiohttp.ClientSession
) -> None:
    async with client.get("/orders/1"):
        pass

    assert listener.statistics()["connections"] == 1
    assert listener.statistics()["requests_total"] == 1
