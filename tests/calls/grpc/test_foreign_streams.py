"""Streams with programs of others, generated from the `.proto` of the suite's contract."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest
from grpc_tools import protoc

from outgrow.contracts import read_contract, write_proto
from outgrow.contracts.descriptions import Numbers
from outgrow.errors import CallFailed, ServiceUnreachable
from outgrow.testing.transports import Bench
from outgrow.testing.transports.contract import Probe
from tests.calls.grpc.google import INCLUDES, place
from tests.calls.transports.callees import OverTcp

MODEL = read_contract(Probe)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The modules that grpcio-tools generated."""
    folder = tmp_path_factory.mktemp("probe")
    place(folder, {"suite_client/probe.proto": write_proto("suite", [MODEL], Numbers())})
    files = [str(folder / "suite_client/probe.proto")]
    out = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
    assert protoc.main(["protoc", f"-I{folder}", f"-I{INCLUDES}", *out, *files]) == 0
    sys.path.insert(0, str(folder))
    from suite_client import probe_pb2, probe_pb2_grpc

    yield probe_pb2, probe_pb2_grpc
    sys.path.remove(str(folder))


class OverForeign(OverTcp):
    """A callee whose server others made; nothing reaches the reception."""

    def __init__(self, reception, models, clock, *, servicer, add):
        super().__init__(reception, models, clock)
        self._servicer, self._add = servicer, add

    async def start(self):
        self._server = grpc.aio.server()
        self._add(self._servicer, self._server)
        port = self._server.add_insecure_port(self.address)
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self, grace_seconds):
        await self._server.stop(grace_seconds)


@pytest.fixture
async def foreign(probe):
    """A bench whose callee is a foreign server that streams."""
    messages, stubs = probe

    class Servicer(stubs.ProbeServicer):
        async def Count(self, request, call):  # noqa: N802
            for n in range(request.to):
                yield messages.CountReply(value=n)
            if request.to == 7:
                await call.abort(grpc.StatusCode.ABORTED, "seven is enough")

        async def Collect(self, requests, call):  # noqa: N802
            found, name = [], None
            async for request in requests:
                name = request.name if request.HasField("name") else name
                found += [request.items] if request.HasField("items") else []
            return messages.CollectReply(value=[*found, len(name)])

        async def Converse(self, requests, call):  # noqa: N802
            async for request in requests:
                if request.HasField("words"):
                    yield messages.ConverseReply(value=request.words.upper())

    def make(reception, models, clock):
        add = stubs.add_ProbeServicer_to_server
        return OverForeign(reception, models, clock, servicer=Servicer(), add=add)

    async with AsyncExitStack() as stack:
        bench = Bench(make, stack, None)
        await bench.open()
        yield bench


async def given(*items):
    for item in items:
        yield item


async def test_a_foreign_server_replies_with_a_stream(foreign):
    assert [n async for n in foreign.client.count(5)] == [0, 1, 2, 3, 4]
    assert [n async for n in foreign.client.count(0)] == []


async def test_an_error_of_a_foreign_server_comes_after_its_items(foreign):
    met = []

    async def read():
        async for n in foreign.client.count(7):
            met.append(n)  # noqa: PERF401 - what came before the error is looked at

    with pytest.raises(CallFailed, match="seven is enough"):
        await read()
    assert met == list(range(7))


async def test_a_foreign_server_is_given_a_stream(foreign):
    assert await foreign.client.collect("four", given(1, 2, 3)) == [1, 2, 3, 4]
    assert await foreign.client.collect("four", given()) == [4]


async def test_a_conversation_with_a_foreign_server(foreign):
    met = [word async for word in foreign.client.converse(given("a", "b"))]
    assert met == ["A", "B"]


async def test_a_stream_of_a_foreign_server_that_ends_is_told(foreign):
    async with foreign.client.converse(_endless()) as stream:
        assert await anext(stream) == "X"
        await foreign.callee.stop(0)
        with pytest.raises(ServiceUnreachable):
            await _read_on(stream)


async def _read_on(stream):
    async for _ in stream:
        pass


async def _endless():
    while True:
        yield "x"


@pytest.fixture
async def ours():
    async with AsyncExitStack() as stack:
        bench = Bench(OverTcp, stack, None)
        await bench.open()
        yield bench


async def test_a_foreign_client_gives_and_reads_streams(ours, probe):
    messages, stubs = probe

    async def count(to):
        for n in range(to):
            yield n

    async def collect(name, items):
        return [*[item async for item in items], len(name)]

    async def converse(words):
        async for word in words:
            yield word.upper()

    ours.on("count", count)
    ours.on("collect", collect)
    ours.on("converse", converse)
    async with grpc.aio.insecure_channel(ours.callee.address) as channel:
        stub = stubs.ProbeStub(channel)
        counted = [reply.value async for reply in stub.Count(messages.CountRequest(to=3))]
        pieces = [
            messages.CollectRequest(name="four", items=1),
            messages.CollectRequest(items=2),
        ]
        collected = await stub.Collect(iter(pieces))
        words = [messages.ConverseRequest(words=word) for word in ("a", "b")]
        said = [reply.value async for reply in stub.Converse(iter(words))]

    assert counted == [0, 1, 2]
    assert list(collected.value) == [1, 2, 4]
    assert said == ["A", "B"]
