"""Streams over gRPC, where the wire can be seen: who begins, who ends, and who is cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import msgspec
import pytest

from outgrow.calls import Reception, client_class, connect
from outgrow.calls.grpc import GrpcServer, GrpcTransport, Revisions, streams
from outgrow.calls.grpc.exchange import compare_handler
from outgrow.calls.grpc.revisions import Admission, Revision
from outgrow.calls.grpc.statuses import tell_error
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.contracts import Contract, command, query, read_contract
from outgrow.contracts.descriptions import describe_service, fingerprint_of
from outgrow.errors import ContractDiffers, ServiceUnreachable
from outgrow.telemetry import Meters


class Brook(Contract):
    """Flows."""

    @query()
    def flow(self, size: int) -> AsyncIterator[bytes]: ...

    @query()
    def wait(self, after: int) -> AsyncIterator[int]: ...

    @query()
    async def add(self, start: int, numbers: AsyncIterator[int]) -> int: ...

    @command(repeat="unsafe")
    def echo(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]: ...


class BrookService(Brook):
    def __init__(self):
        self.begun = asyncio.Semaphore(0)
        self.ended = asyncio.Semaphore(0)
        self.taken = asyncio.Semaphore(0)
        self.added = 0
        self.may_ask = asyncio.Event()
        self.may_ask.set()

    async def flow(self, size):
        try:
            while True:
                yield bytes(size)
        finally:
            self.ended.release()

    async def wait(self, after):
        self.begun.release()
        try:
            for n in range(after):
                yield n
            await asyncio.Event().wait()
        finally:
            self.ended.release()

    async def add(self, start, numbers):
        self.begun.release()
        await self.may_ask.wait()
        try:
            async for number in numbers:
                start += number
                self.taken.release()
            self.added += 1
            return start
        finally:
            self.ended.release()

    async def echo(self, numbers):
        async for number in numbers:
            yield number


MODEL = read_contract(Brook)
KEY = "v1.Brook"
OURS = describe_service("", "grpc", [MODEL], {}).contracts


class Pretended(Revisions):
    """Says that this process has another revision than it has."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self._revision = revision

    def of(self, _):
        return self._revision


class Banks:
    """Both ends: a service behind a server, and a client that calls it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.service = BrookService()
        self.converters = Converters(Messages("shop", [MODEL]))
        self.clock = SystemClock()
        self._stack = stack

    async def start(self, revisions=None) -> None:
        reception = Reception(self.clock, Meters())
        reception.admit(MODEL, self.service, None)
        self.server = GrpcServer(self.converters, reception.bind, self.clock, revisions=revisions)
        self.server.admit(MODEL)
        self.address = await self.server.start("127.0.0.1:0")
        self._stack.push_async_callback(self.server.drain, 0)

    def connect(self, revisions=None, address=None):
        self.transport = GrpcTransport(
            address or self.address, self.converters, self.clock, revisions=revisions
        )
        self._stack.push_async_callback(self.transport.close)
        client = client_class(MODEL)(self.transport.bind, MODEL, self.clock)
        connect(client)
        return client

    def path(self, name):
        return self.converters.messages.path(MODEL.methods[name])

    def conversion(self, name):
        return self.converters.of(MODEL.methods[name])


@pytest.fixture
async def stack():
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def banks(stack):
    banks = Banks(stack)
    await banks.start()
    return banks


class Numbers:
    """Numbers of the test's own: some at once, and more when it is told to."""

    def __init__(self, *at_once: int) -> None:
        self.asked = 0
        self.begun = asyncio.Event()
        self.more: asyncio.Queue[int | None] = asyncio.Queue()
        self.has_ended = False
        for number in at_once:
            self.more.put_nowait(number)

    def end(self):
        self.more.put_nowait(None)
        return self

    async def __call__(self):
        try:
            self.asked += 1
            self.begun.set()
            while (number := await self.more.get()) is not None:
                yield number
                self.asked += 1
        finally:
            self.has_ended = True


# When the server stops


async def test_streams_end_first_when_the_server_stops(banks):
    brook = banks.connect()
    stream = brook.wait(1)
    assert await anext(stream) == 0

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(outcome(anext(stream)))
        await banks.service.begun.acquire()
        await banks.server.drain(30.0)  # Otherwise it would take as long.

    assert isinstance(reading.result(), ServiceUnreachable)
    assert reading.result().may_have_run
    assert "its process is stopping" in str(reading.result())
    await banks.service.ended.acquire()


async def test_a_reader_that_is_not_reading_finds_the_end_later(banks):
    brook = banks.connect()
    stream = brook.flow(100_000)
    await anext(stream)

    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(banks.server.drain(30.0))
        await banks.service.ended.acquire()
        met = await outcome(read_all(stream))
        await draining

    assert isinstance(met, ServiceUnreachable)
    assert met.may_have_run


async def test_what_only_reads_a_stream_ends_as_other_calls_do(banks):
    brook, numbers = banks.connect(), Numbers(1, 2)

    async with asyncio.TaskGroup() as tasks:
        adding = tasks.create_task(brook.add(0, numbers()))
        await banks.service.taken.acquire()
        draining = tasks.create_task(banks.server.drain(30.0))
        refused = await outcome(refusal(brook))
        numbers.more.put_nowait(3)
        numbers.end()
        await draining

    assert adding.result() == 6
    assert isinstance(refused, ServiceUnreachable)
    assert not refused.may_have_run


async def test_a_stream_whose_server_is_gone_is_cut(banks):
    stream = banks.connect().wait(1)
    await anext(stream)

    await banks.server._server.stop(0)
    met = await outcome(anext(stream))

    assert isinstance(met, ServiceUnreachable)
    assert met.may_have_run


async def test_a_stream_whose_transport_is_closed_is_cut(banks):
    stream = banks.connect().wait(1)
    await anext(stream)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(outcome(anext(stream)))
        await banks.transport.close()

    assert isinstance(reading.result(), ServiceUnreachable)


# What the two sides mean


def revision(*, is_frozen: bool) -> Revision:
    """A caller's revision that has other defaults, which are its own matter."""
    ours = OURS[KEY]
    add = ours.methods["add"]
    first = msgspec.structs.replace(add.parameters[0], default=7)
    changed = msgspec.structs.replace(
        ours,
        methods={
            **ours.methods,
            "add": msgspec.structs.replace(add, parameters=[first, *add.parameters[1:]]),
        },
    )
    fingerprint = fingerprint_of(changed).hex()
    description = msgspec.structs.replace(changed, fingerprint=fingerprint)
    return Revision(description=description, is_frozen=is_frozen)


async def test_a_caller_that_means_something_else_gives_nothing(banks):
    brook, numbers = banks.connect(Pretended(revision(is_frozen=False))), Numbers(1)

    for call in (brook.add(0, numbers()), anext(brook.echo(numbers()))):
        met = await outcome(call)
        assert isinstance(met, ContractDiffers)
        assert not met.may_have_run

    assert numbers.asked == 0


async def test_a_caller_whose_revision_is_compatible_loses_no_item(stack):
    banks = Banks(stack)
    await banks.start(Pretended(Revision(description=OURS[KEY], is_frozen=True)))
    for name in ("add", "echo"):
        brook = banks.connect(Pretended(revision(is_frozen=True)))
        numbers = Numbers(1, 2, 3).end()
        if name == "add":
            assert await brook.add(1, numbers()) == 7
        else:
            assert [n async for n in brook.echo(numbers())] == [1, 2, 3]


async def test_what_was_given_before_a_refusal_is_not_taken_for_nothing(banks, stack, monkeypatch):
    monkeypatch.setattr(streams, "WANTED_SECONDS_MAX", 0.0)  # Items are given unasked.
    method, conversion = MODEL.methods["add"], banks.conversion("add")
    theirs = revision(is_frozen=True)
    admission = Admission(MODEL, Revision(description=OURS[KEY], is_frozen=True))
    begun = []

    async def add(_, call):
        begun.append(await call.read())
        total = conversion.decode_item(await call.read())
        try:
            admission.check(method, theirs.fingerprint)
        except ContractDiffers as refused:
            told = tell_error(refused)
            await call.abort(told.code, told.text, (told.trailer,))
        while (message := await call.read()) is not grpc.aio.EOF:
            total += conversion.decode_item(message) or 0
        return conversion.encode_reply(total)

    name = banks.converters.messages.wire_name(MODEL)
    address = await by_hand(banks, stack, add, compare_handler({name: admission}))
    brook, numbers = banks.connect(Pretended(theirs), address), Numbers(1, 2, 3).end()

    met = await outcome(brook.add(0, numbers()))

    assert isinstance(met, ServiceUnreachable)
    assert "what was given to it by then cannot be given again" in str(met)
    assert not met.may_have_run
    assert len(begun) == 1, "it was not made again"
    assert await brook.add(0, Numbers(1, 2, 3).end()()) == 6


async def test_a_callee_that_once_was_slow_to_ask_is_waited_for_again(banks, monkeypatch):
    monkeypatch.setattr(streams, "WANTED_SECONDS_MAX", 0.0)
    brook, first, second = banks.connect(), Numbers(1).end(), Numbers(2).end()
    banks.service.may_ask.clear()
    async with asyncio.TaskGroup() as tasks:
        adding = tasks.create_task(brook.add(0, first()))
        await first.begun.wait()
        banks.service.may_ask.set()
    assert adding.result() == 1

    monkeypatch.setattr(streams, "WANTED_SECONDS_MAX", 60.0)
    banks.service.may_ask.clear()
    await banks.service.begun.acquire()
    async with asyncio.TaskGroup() as tasks:
        adding = tasks.create_task(brook.add(0, second()))
        await banks.service.begun.acquire()
        for _ in range(3):  # Meanwhile it would have been asked.
            await anext(brook.flow(1))
        assert second.asked == 0
        banks.service.may_ask.set()
    assert adding.result() == 2


# What is cut is no end


async def test_an_upload_that_is_cut_is_never_taken_for_a_whole_one(banks):
    brook = banks.connect()
    for count in (1, 2, 3, 4) * 8:
        async with asyncio.TaskGroup() as tasks:
            adding = tasks.create_task(brook.add(0, Numbers(*range(count))()))
            for _ in range(count):
                await banks.service.taken.acquire()
            adding.cancel()
        await banks.service.ended.acquire()

    assert banks.service.added == 0


async def test_a_stream_that_is_dropped_ends_at_the_other_side(banks):
    brook = banks.connect()

    async for _ in brook.flow(1):
        break

    await banks.service.ended.acquire()


# Others


async def test_a_caller_that_is_no_outgrow_ends_what_it_gives_as_grpc_does(banks):
    conversion = banks.conversion("add")
    async with grpc.aio.insecure_channel(banks.address) as channel:
        call = channel.stream_unary(banks.path("add"))
        first = conversion.encode_request(10, 1)  # It carries an item too.
        nothing = conversion.encode_request(5, None)
        messages = [first, conversion.encode_item(2), nothing, conversion.encode_item(3)]

        reply = await call(iter(messages))

    assert conversion.decode_reply(reply) == 16


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "no message came, and the first one carries the arguments"),
        ([b"\xff"], "1 bytes are no AddRequest"),
        ([b""], "start: is missing"),
        (["first", b"\xff\xff"], "numbers[0]: 2 bytes are no AddRequest"),
    ],
)
async def test_bytes_that_mean_nothing_are_refused(banks, messages, text):
    first = banks.conversion("add").encode_request(10, None)
    async with grpc.aio.insecure_channel(banks.address) as channel:
        call = channel.stream_unary(banks.path("add"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(iter([first if each == "first" else each for each in messages]))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in refused.value.details()


async def test_a_server_that_is_no_outgrow_is_given_items_after_a_moment(banks, stack, monkeypatch):
    monkeypatch.setattr(streams, "WANTED_SECONDS_MAX", 0.01)
    conversion = banks.conversion("add")

    async def add(messages, _):
        total = 0
        async for message in messages:
            total += conversion.decode_item(message) or 0
        return conversion.encode_reply(total)

    brook = banks.connect(address=await by_hand(banks, stack, add))

    for _ in range(2):
        assert await brook.add(0, Numbers(1, 2).end()()) == 3


async def by_hand(banks, stack, add, *handlers):
    """The address of a server that executes the method by *add*."""
    server = grpc.aio.server()
    service, _, name = banks.path("add").strip("/").rpartition("/")
    methods = {name: grpc.stream_unary_rpc_method_handler(add)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, methods), *handlers)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    return f"127.0.0.1:{port}"


async def outcome(call):
    """What was raised, or the reply."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - the tests look at it
        return error


async def read_all(stream):
    return [item async for item in stream]


async def refusal(brook):
    """What the first stream meets that is not let in; those before it end, as the server stops."""
    while True:
        try:
            async with brook.wait(1) as stream:
                await anext(stream)
        except ServiceUnreachable as error:
            if not error.may_have_run:
                raise
