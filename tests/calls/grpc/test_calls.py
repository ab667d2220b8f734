from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import ManualClock
from outgrow.contracts import read_contract
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallFailed,
    CallInTransaction,
    CallRefused,
    CallTimedOut,
    InvalidTopology,
    KeyReused,
    Overloaded,
    ServiceUnreachable,
)
from tests.calls.grpc.workshop import Broken, Colour, Part, Size, Undeclared, Workshop

MODEL = read_contract(Workshop)
PART = Part(
    name="bolt",
    count=2,
    size=Size(width=3, height=0.5),
    colour=Colour.DARK_BLUE,
    made_at=datetime(2024, 5, 17, 1, 2, 3, 4, tzinfo=UTC),
    blob=b"\x00\xff",
    is_spare=True,
)


def raising(error):
    async def run(*_arguments):
        raise error

    return run


def returning(value):
    async def run(*_arguments):
        return value

    return run


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_a_call_goes_there_and_back(unstarted, tmp_path, kind):
    await unstarted.start("127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/calls.sock")
    unstarted.on("make", returning(PART))

    assert await unstarted.call("make", "bolt", 7) == PART
    assert unstarted.received[0][1:] == ("bolt", 7)


@pytest.mark.parametrize("name", ["a b", "a%20b", "50%", "a?b", "a#b", "ä"])
async def test_the_path_of_a_unix_socket_may_have_any_letter(unstarted, tmp_path, name):
    (tmp_path / name).mkdir()
    path = tmp_path / name / "calls.sock"
    await unstarted.start(f"unix:{path}")
    unstarted.on("echo", returning("here"))

    assert unstarted.address == f"unix:{path}"
    assert path.is_socket()
    assert await unstarted.call("echo", "hello", seconds=2.0) == "here"


async def test_the_context_arrives_as_it_was_made(wire):
    wire.on("forget", returning(None))
    sent = wire.context(seconds=5.0)

    await wire.transport.bind(MODEL.methods["forget"])(sent)

    found = wire.received[0][0]
    for name in ("caller", "correlation_id", "trace_id", "span_id", "key", "via"):
        assert getattr(found, name) == getattr(sent, name), name
    assert found.method == "workshop.forget"
    assert found is not sent
    assert 0 <= found.deadline - sent.deadline < 0.5


async def test_what_is_the_callers_own_stays_with_it(wire):
    wire.on("forget", returning(None))
    sent = wire.context(transaction=object(), watch=object(), ordinals={"a": 1})

    await wire.transport.bind(MODEL.methods["forget"])(sent)

    found = wire.received[0][0]
    assert (found.transaction, found.watch, found.ordinals) == (None, None, None)


@pytest.mark.parametrize("cents", ["12", 2**70, None, 1.5])
async def test_a_wrong_argument_never_reaches_the_callee(wire, cents):
    with pytest.raises(ArgumentsRefused, match=r"workshop\.make: cents:") as caught:
        await wire.call("make", "bolt", cents)

    assert caught.value.may_have_run is False
    assert not wire.received


async def test_too_few_arguments_never_reach_the_callee(wire):
    with pytest.raises(ArgumentsRefused):
        await wire.call("make", "bolt")

    assert not wire.received


async def test_a_problem_arrives_as_the_same_type(wire):
    wire.on("make", raising(Broken(name="böl\nt", pieces=[1, 2])))

    with pytest.raises(Broken) as caught:
        await wire.call("make", "bolt", 1)

    assert (caught.value.name, caught.value.pieces) == ("böl\nt", [1, 2])
    assert str(caught.value) == "Part böl\nt is broken in [1, 2] pieces."


async def test_a_large_problem_arrives_whole(wire):
    wire.on("make", raising(Broken(name="x" * 100_000, pieces=list(range(1000)))))

    with pytest.raises(Broken) as caught:
        await wire.call("make", "bolt", 1)

    assert len(caught.value.name) == 100_000


async def test_a_problem_beyond_the_limit_is_a_failure_that_says_so(wire):
    wire.on("make", raising(Broken(name="x" * 300_000, pieces=[])))

    with pytest.raises(CallFailed, match=r"workshop\.Broken.* of 262144") as caught:
        await wire.call("make", "bolt", 1)

    assert caught.value.error_type == "workshop.Broken"


async def test_a_problem_below_a_declared_one_arrives_as_that(wire):
    class Shattered(Broken):
        """Worse."""

        extra: int

    wire.on("make", raising(Shattered(name="a", pieces=[], extra=1)))

    with pytest.raises(Broken) as caught:
        await wire.call("make", "bolt", 1)

    assert type(caught.value) is Broken


@pytest.mark.parametrize(
    "error",
    [
        ArgumentsRefused("workshop.make", [("a", "b"), ("c", "d")]),
        CallerNotAllowed("workshop.make", "make:all", "user 'ann'"),
        CallInTransaction("workshop.make"),
        KeyReused("workshop.make", "a key"),
        Overloaded("workshop.make", "later", retry_after_seconds=0.25),
        CallRefused("workshop.make", "no"),
        ServiceUnreachable("stock.hold", "gone", may_have_run=False),
        ServiceUnreachable("stock.hold", "gone", may_have_run=True),
        CallTimedOut("workshop.make", may_have_run=False),
        CallTimedOut("workshop.make", may_have_run=True),
        CallFailed("workshop.make", "builtins.KeyError", "'ü'\nline"),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.may_have_run}",
)
async def test_each_call_error_arrives_as_itself(wire, error):
    wire.on("make", raising(error))

    with pytest.raises(type(error)) as caught:
        await wire.call("make", "bolt", 1)

    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert caught.value.may_have_run is error.may_have_run
    different = {
        name: (value, vars(caught.value).get(name))
        for name, value in vars(error).items()
        if name != "findings" and vars(caught.value).get(name) != value
    }
    assert not different


@pytest.mark.parametrize("text", ["\ud800 half", "x" * 2_000_000])
async def test_a_failure_that_headers_cannot_hold_arrives_cut(wire, text):
    wire.on("make", raising(CallFailed("workshop.make", "shop.Strange", text)))

    with pytest.raises(CallFailed) as caught:
        await wire.call("make", "bolt", 1)

    assert caught.value.error_type == "shop.Strange"
    assert text[-4:].encode("utf-8", "replace").decode() in str(caught.value) or "..." in str(
        caught.value
    )


async def test_what_the_reception_should_have_kept_is_told_and_logged(wire, caplog):
    wire.on("make", raising(Undeclared()))

    with pytest.raises(CallFailed, match="Nobody declared this"):
        await wire.call("make", "bolt", 1)

    assert "workshop.make" in caplog.text


async def test_a_reply_of_another_type_is_a_failure_of_the_method(wire):
    wire.on("make", returning({"name": "bolt"}))

    with pytest.raises(CallFailed, match=r"value: .* is no Part") as caught:
        await wire.call("make", "bolt", 1)

    assert caught.value.may_have_run is True


async def test_a_deadline_that_has_passed_is_not_sent(wire):
    with pytest.raises(CallTimedOut) as caught:
        await wire.call("make", "bolt", 1, seconds=0)

    assert caught.value.may_have_run is False
    assert not wire.received


async def test_the_deadline_ends_the_call_on_both_sides(wire):
    ended = asyncio.Event()

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    wire.on("wait", wait)
    started = wire.clock.monotonic()

    with pytest.raises(CallTimedOut) as caught:
        await wire.call("wait", seconds=0.1)

    assert caught.value.may_have_run is True
    assert wire.clock.monotonic() - started < 0.5
    await asyncio.wait_for(ended.wait(), 1)


async def test_what_remains_of_a_deadline_is_exact_on_a_clock_that_stands_still(unstarted):
    unstarted.clock = ManualClock()
    await unstarted.start()
    unstarted.on("forget", returning(None))

    await unstarted.call("forget", seconds=7.654321)

    assert unstarted.received[0][0].deadline == pytest.approx(7.654321, abs=1e-9)


async def test_cancellation_reaches_the_callee_and_stays_a_cancellation(wire):
    entered, ended = asyncio.Event(), asyncio.Event()

    async def wait():
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    wire.on("wait", wait)
    task = asyncio.get_running_loop().create_task(wire.call("wait"))
    await entered.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 1)


async def test_a_timeout_of_the_callers_own_stays_its_own(wire):
    async def wait():
        await asyncio.Event().wait()

    wire.on("wait", wait)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await wire.call("wait")


async def test_a_callee_that_cancels_itself_is_no_cancellation_of_the_caller(wire):
    wire.on("forget", raising(asyncio.CancelledError()))

    with pytest.raises(CallFailed, match="CancelledError"):
        await wire.call("forget")


async def test_a_drain_lets_calls_end(wire):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait():
        entered.set()
        await go_on.wait()
        return {"done": 1}

    wire.on("wait", wait)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(wire.call("wait"))
        await entered.wait()
        drain = group.create_task(wire.server.drain(5))
        go_on.set()

    assert drain.done()
    assert call.result() == {"done": 1}


async def test_what_goes_on_after_the_grace_is_cancelled_on_both_sides(wire):
    entered, ended = asyncio.Event(), asyncio.Event()

    async def wait():
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    wire.on("wait", wait)
    task = asyncio.get_running_loop().create_task(wire.call("wait"))
    await entered.wait()
    await wire.server.drain(0.05)

    with pytest.raises(ServiceUnreachable) as caught:
        await task
    assert caught.value.may_have_run is True
    await asyncio.wait_for(ended.wait(), 1)


async def test_nobody_there_certainly_has_not_run(wire):
    await wire.server.drain(0)
    fresh = wire.connect()

    with pytest.raises(ServiceUnreachable) as caught:
        await fresh.bind(MODEL.methods["forget"])(wire.context())

    assert caught.value.may_have_run is False


async def test_a_missing_socket_certainly_has_not_run(wire, tmp_path):
    transport = GrpcTransport(f"unix:{tmp_path}/none.sock", wire.converters, wire.clock)

    with pytest.raises(ServiceUnreachable) as caught:
        await transport.bind(MODEL.methods["forget"])(wire.context())
    await transport.close()

    assert caught.value.may_have_run is False


async def test_a_connection_that_breaks_during_the_call_may_have_run(wire):
    entered = asyncio.Event()
    writers = []

    async def swallow(reader, writer):
        writers.append(writer)
        writer.write(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")  # HTTP/2: empty settings
        seen = b""
        while b"Forget" not in seen and len(seen) < 300:
            chunk = await reader.read(1000)
            if not chunk:
                break
            seen += chunk
        entered.set()
        writer.close()

    listener = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    transport = GrpcTransport(f"127.0.0.1:{port}", wire.converters, wire.clock)

    with pytest.raises(ServiceUnreachable) as caught:
        await transport.bind(MODEL.methods["forget"])(wire.context(5))
    await transport.close()
    listener.close()
    await listener.wait_closed()

    assert entered.is_set()
    assert caught.value.may_have_run is True


async def test_a_server_that_comes_back_is_found_again(wire, unstarted, tmp_path):
    address = f"unix:{tmp_path}/again.sock"
    transport = GrpcTransport(address, wire.converters, wire.clock)
    invoke = transport.bind(MODEL.methods["forget"])
    with pytest.raises(ServiceUnreachable):
        await invoke(wire.context())
    unstarted.on("forget", returning(None))
    await unstarted.start(address)

    async with asyncio.timeout(5):
        while True:
            try:
                await invoke(wire.context())
                break
            except ServiceUnreachable as error:
                assert error.may_have_run is False  # noqa: PT017
                await wire.clock.sleep(0.02)
    await transport.close()


async def test_closing_a_transport_cancels_no_caller(wire):
    entered = asyncio.Event()

    async def wait():
        entered.set()
        await asyncio.Event().wait()

    wire.on("wait", wait)
    task = asyncio.get_running_loop().create_task(wire.call("wait"))
    await entered.wait()
    await wire.transport.close()

    with pytest.raises(ServiceUnreachable) as during:
        await task
    with pytest.raises(ServiceUnreachable) as after:
        await wire.call("wait")
    assert during.value.may_have_run is True
    assert after.value.may_have_run is False


async def test_a_request_beyond_the_limit_is_refused_unsent(wire):
    with pytest.raises(ArgumentsRefused, match="at most 4194304"):
        await wire.call("echo", "x" * (4 * 1024 * 1024))

    assert not wire.received


async def test_a_request_just_below_the_limit_is_carried(wire):
    text = "x" * (4 * 1024 * 1024 - 100)

    async def echo(text):
        return text

    wire.on("echo", echo)

    assert await wire.call("echo", text) == text


async def test_a_reply_beyond_the_limit_is_a_failure_that_says_so(wire):
    wire.on("echo", returning("x" * (5 * 1024 * 1024)))

    with pytest.raises(CallFailed, match="at most 4194304") as caught:
        await wire.call("echo", "a")

    assert caught.value.may_have_run is True


async def test_a_receiver_with_a_lower_limit_ends_the_call_as_failed(wire):
    async def echo(text):
        return text

    wire.on("echo", echo)
    small = wire.connect(message_bytes_max=1000)

    with pytest.raises(ArgumentsRefused):
        await small.bind(MODEL.methods["echo"])(wire.context(), "x" * 2000)
    wire.on("echo", returning("x" * 2000))
    with pytest.raises(CallFailed, match="RESOURCE_EXHAUSTED") as caught:
        await small.bind(MODEL.methods["echo"])(wire.context(), "x")
    assert caught.value.may_have_run is True


async def test_a_service_that_the_process_does_not_host_is_refused(wire):
    other = Converters(Messages("another", [MODEL]))
    transport = GrpcTransport(wire.address, other, wire.clock)

    with pytest.raises(CallRefused, match="does not offer it") as caught:
        await transport.bind(MODEL.methods["forget"])(wire.context())
    await transport.close()

    assert caught.value.may_have_run is False
    assert not wire.received


async def test_a_port_in_use_is_said_with_its_address(wire, unstarted):
    with pytest.raises(InvalidTopology, match=wire.address):
        await unstarted.start(wire.address)
    await unstarted.server.drain(0)


async def test_a_unix_socket_is_not_taken_from_who_answers_there(wire, unstarted, tmp_path, stack):
    address = f"unix:{tmp_path}/calls.sock"
    await unstarted.start(address)
    second = type(unstarted)(stack)

    with pytest.raises(InvalidTopology, match="another process answers"):
        await second.start(address)
    await second.server.drain(0)
    unstarted.on("echo", returning("first"))
    assert await unstarted.call("echo", "") == "first"


async def test_a_unix_socket_left_behind_is_used_again(unstarted, tmp_path):
    path = tmp_path / "calls.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    await unstarted.start(f"unix:{path}")
    unstarted.on("echo", returning("first"))

    assert await unstarted.call("echo", "") == "first"


async def test_many_calls_at_once_keep_their_replies_apart(wire):
    async def echo(text):
        await wire.clock.sleep(0)
        return text

    wire.on("echo", echo)
    texts = [f"text {n}" for n in range(300)]

    assert await asyncio.gather(*(wire.call("echo", text) for text in texts)) == texts


async def test_two_servers_may_share_their_messages(wire, unstarted):
    unstarted.converters = wire.converters
    await unstarted.start()
    unstarted.on("echo", returning("second"))
    wire.on("echo", returning("first"))

    assert [await wire.call("echo", ""), await unstarted.call("echo", "")] == ["first", "second"]
