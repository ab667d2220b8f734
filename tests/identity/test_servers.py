"""
Connections to NATS and PostgreSQL with certificates, names and passwords.

The PostgreSQL of the wheel is built without OpenSSL (``pg_config --configure`` says so), so its
side of TLS is spoken here by a few lines before it: the protocol's SSLRequest, then TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import asyncpg
import pytest
from nats.errors import Error

from outgrow.errors import StoreUnreachable
from outgrow.journal.nats.broker import EVENTS
from outgrow.nats import Connection as NatsConnection
from outgrow.nats import Line, without_secrets
from outgrow.store.postgres.connection import Connection
from outgrow.topology import fault_of
from tests.identity.conftest import Town, name_of
from tests.journal.nats.server import NatsServer

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@asynccontextmanager
async def served(town: Town) -> AsyncIterator[NatsServer]:
    """A NATS server that lets in who has a certificate and a token."""
    papers = town.issuer.provide(name_of("nats"), ["127.0.0.1"])
    server = NatsServer(
        town.folder,
        options=f"""
        authorization {{ token: "t@ken" }}
        tls {{
          cert_file: "{papers}/tls.crt", key_file: "{papers}/tls.key", ca_file: "{papers}/ca.crt"
          verify: true
        }}""",
    )
    await server.start()
    try:
        yield server
    finally:
        server.kill()


async def reached(url: str) -> str:
    """Who the NATS server at *url* says it is, by the number of its certificate."""
    connection = NatsConnection(bool)
    try:
        await connection.open(url, "test")
        stream = connection._client._transport._io_writer.transport
        return stream.get_extra_info("peercert")["serialNumber"]
    finally:
        await connection.close()


async def test_a_nats_server_is_reached_with_a_certificate_and_a_token(town: Town):
    front = town.identity("front").folder
    async with served(town) as server:
        place = f"t%40ken@127.0.0.1:{server.port}"
        files = f"ca={front}/ca.crt&cert={front}/tls.crt&key={front}/tls.key"
        before = await reached(f"tls://{place}?identity={quote(str(front))}")
        assert await reached(f"tls://{place}?{files}") == before

        for url in (
            f"tls://{place}?ca={front}/ca.crt",  # no certificate
            f"tls://{place}?identity={quote(str(town.stranger('front').folder))}",
            f"tls://{place}",  # an authority that this machine does not know
            f"tls://wrong@127.0.0.1:{server.port}?{files}",
            f"tls://{place.replace('127.0.0.1', 'localhost')}?{files}",  # another name
            f"tls://{place}?{files}&check=no",
            f"tls://{place}?identity=/nowhere",
        ):
            with pytest.raises((OSError, Error, TimeoutError, ValueError)):
                await reached(url)

        town.issuer.renew(is_forced=True)
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGHUP)
        now = before
        async with asyncio.timeout(20):
            while now == before:
                # Whom it knows not yet while it reads its file anew, it hangs up on.
                with contextlib.suppress(OSError, Error):
                    now = await reached(f"tls://{place}?identity={quote(str(front))}")
                await town.wire.clock.sleep(0.01)


async def test_who_does_not_speak_tls_learns_nothing():
    info = {"auth_required": True, "headers": True, "max_payload": 1048576, "server_id": "x"}
    told: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def pose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        first = await reader.read(1)
        writer.close()
        told.set_result(first)

    async with await asyncio.start_server(pose, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="does not offer TLS"):
            await reached(f"tls://t%40ken@127.0.0.1:{port}")
        async with asyncio.timeout(10):
            assert await told == b""


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("tls://127.0.0.1:1?identity=/nowhere", "No such file"),
        ("tls://127.0.0.1:1?certificate=x", "'certificate' is no parameter of such a URL"),
    ],
)
async def test_files_that_cannot_be_used_are_said_and_looked_at_again(caplog, url, text):
    line = Line(url, "test", EVENTS)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        task = group.create_task(line.run())
        while text not in caplog.text:
            await line.clock.sleep(0.01)
        task.cancel()

    assert line.place == "tls://127.0.0.1:1"


def test_the_place_of_a_server_is_told_without_what_lets_one_in():
    url = "tls://user:pass@nats.example.com:4222?ca=/etc/ca.crt&key=/etc/secret.key"

    place, told = without_secrets(url)

    assert place == "tls://nats.example.com:4222"
    assert told == {"user": "user", "password": "pass"}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def before(town: Town, url: str) -> AsyncIterator[int]:
    """The port of what speaks TLS before the PostgreSQL at *url*, and asks for a certificate."""
    asked = dict(parse_qsl(urlsplit(url).query))
    socket = f"{asked['host']}/.s.PGSQL.{asked.get('port', 5432)}"
    papers = town.issuer.provide(name_of("postgres"), ["localhost"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=papers / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(papers / "tls.crt", papers / "tls.key")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                behind = await asyncio.open_unix_connection(socket)
                await asyncio.gather(_pump(reader, behind[1]), _pump(behind[0], writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_store_is_reached_with_certificates_on_both_sides(town: Town, outgrow_postgres):
    url = await outgrow_postgres.database()
    parts = urlsplit(url)
    front, stranger = town.identity("front").folder, town.stranger("front").folder
    secrets = parts.netloc.rpartition("@")[0]

    def place(port: int, folder: Path, *, host: str = "localhost", root: Path = front) -> str:
        files = f"sslcert={folder}/tls.crt&sslkey={folder}/tls.key&sslrootcert={root}/ca.crt"
        at = f"postgresql://{secrets}@{host}:{port}{parts.path}"
        return f"{at}?sslmode=verify-full&{files}"

    async with before(town, url) as port:
        good = place(port, front)
        assert not fault_of(good)
        connection = await Connection.open(good, "users")
        assert await connection.own("select 1") == [(1,)]
        assert connection.raw._transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        await connection.close()

        for wrong in (
            place(port, stranger),  # a certificate of another authority
            place(port, front, root=stranger),  # which it is not of, seen from here
            place(port, front, host="127.0.0.1"),  # another name
        ):
            with pytest.raises((StoreUnreachable, asyncpg.PostgresError, ValueError)) as caught:
                await Connection.open(wrong, "users")
            assert secrets.partition(":")[2] not in str(caught.value)
