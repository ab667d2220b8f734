"""What two processes ask each other if their contracts differ, on the wire."""

from __future__ import annotations

import asyncio

import grpc.aio
import msgspec
import pytest

from outgrow.calls import Patience
from outgrow.calls.grpc import GrpcTransport, Revisions
from outgrow.calls.grpc.exchange import EXCHANGES_MAX, METHOD, SERVICE, Agreement
from outgrow.calls.grpc.revisions import JUDGED_MAX, Admission, Revision
from outgrow.calls.reaching import Retrying
from outgrow.contracts.descriptions import (
    FieldDescription,
    ScalarType,
    describe_service,
    fingerprint_of,
)
from outgrow.errors import CallTimedOut, ContractDiffers, ServiceUnreachable
from tests.calls.grpc.conftest import MODEL

KEY = "v1.Workshop"
NAME = "shop.workshop.v1.Workshop"
OURS = describe_service("", "workshop", [MODEL], {}).contracts[KEY]
REFUSAL = ContractDiffers("workshop.echo", "", caller_has="", callee_has="", place="")
FROZEN = Revisions(frozen={("workshop", KEY): OURS})


def other(number: int = 1, *, is_frozen: bool = True) -> Revision:
    """A caller's revision: a method has one more parameter, which has a default."""
    echo = OURS.methods["echo"]
    field = FieldDescription(
        name=f"extra_{number}", type=ScalarType(kind="str"), number=9, default=""
    )
    echo = msgspec.structs.replace(echo, parameters=[*echo.parameters, field])
    changed = msgspec.structs.replace(OURS, methods={**OURS.methods, "echo": echo})
    fingerprint = fingerprint_of(changed).hex()
    return Revision(
        description=msgspec.structs.replace(changed, fingerprint=fingerprint), is_frozen=is_frozen
    )


def claiming(revision: Revision, fingerprint: str) -> Revision:
    """The revision under a fingerprint that is not its own."""
    description = msgspec.structs.replace(revision.description, fingerprint=fingerprint)
    return Revision(description=description, is_frozen=True)


NONSENSE = Revision(
    description=msgspec.structs.replace(OURS, records={}, enums={}, fingerprint="no hex"),
    is_frozen=True,
)


class Pretended(Revisions):
    """Says that this process has another revision than it has."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self._revision = revision

    def of(self, model):
        return self._revision


@pytest.fixture
async def frozen_wire(unstarted):
    """The other side has frozen its contract."""

    async def echo(text):
        return text

    await unstarted.start(revisions=FROZEN)
    unstarted.on("echo", echo)
    return unstarted


def connect(wire, revision):
    return GrpcTransport(wire.address, wire.converters, wire.clock, revisions=Pretended(revision))


async def test_calls_that_meet_the_same_refusal_share_one_exchange(frozen_wire, stack):
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(frozen_wire.address))
    agreement = Agreement(channel, NAME, other())
    sent = []

    async def send():
        sent.append(agreement.rounds)
        return b"reply"

    async def call():
        method = MODEL.methods["echo"]
        return await agreement.repeat(method, REFUSAL, 0, lambda: 5.0, send)

    replies = await asyncio.gather(*(call() for _ in range(20)))

    assert replies == [b"reply"] * 20
    assert sent == [1] * 20


async def test_a_call_is_repeated_once_the_other_side_understands_it(frozen_wire, stack):
    transport = connect(frozen_wire, other())
    stack.push_async_callback(transport.close)
    invoke = transport.bind(MODEL.methods["echo"])

    assert [await invoke(frozen_wire.context(), text) for text in "abc"] == ["a", "b", "c"]
    assert len(frozen_wire.received) == 3, "what was refused did not run"


async def test_a_caller_that_is_not_frozen_is_told_what_differs(frozen_wire, stack):
    transport = connect(frozen_wire, other(is_frozen=False))
    stack.push_async_callback(transport.close)

    with pytest.raises(ContractDiffers, match="extra_1") as caught:
        await transport.bind(MODEL.methods["echo"])(frozen_wire.context(), "a")

    assert caught.value.unfrozen == ["caller"]
    assert caught.value.place == MODEL.place
    assert not frozen_wire.received


async def test_only_so_many_revisions_are_remembered(frozen_wire):
    admission = Admission(MODEL, FROZEN.of(MODEL))
    revisions = [other(number) for number in range(JUDGED_MAX + 1)]

    for revision in revisions:
        assert admission.judge(revision).differences == {}

    admission.check(MODEL.methods["echo"], revisions[1].fingerprint)
    with pytest.raises(ContractDiffers) as caught:
        admission.check(MODEL.methods["echo"], revisions[0].fingerprint)
    assert caught.value.differences == [], "it was forgotten, and is asked for again"


def test_a_judgement_is_not_kept_for_another_revision() -> None:
    admission = Admission(MODEL, FROZEN.of(MODEL))
    claimed = other(2).fingerprint

    with pytest.raises(ValueError, match="has fingerprint"):
        admission.judge(claiming(other(1), claimed.hex()))

    for fingerprint in (claimed, other(1).fingerprint):
        with pytest.raises(ContractDiffers):
            admission.check(MODEL.methods["echo"], fingerprint)


def test_a_description_keeps_its_fingerprint_on_the_wire() -> None:
    read = msgspec.json.decode(msgspec.json.encode(other()), type=Revision)

    assert fingerprint_of(read.description) == other().fingerprint


def echoing(wire, revision, stack):
    """What calls the other side as a process of *revision*, again if it is not there."""
    transport = connect(wire, revision)
    stack.push_async_callback(transport.close)
    invoke = Retrying(transport, wire.clock, Patience()).bind(MODEL.methods["echo"])
    return transport, lambda text: invoke(wire.context(), text)


async def test_a_hundred_first_calls_ask_once_and_once_more_after_a_restart(frozen_wire, stack):
    transport, echo = echoing(frozen_wire, other(), stack)
    texts = [str(number) for number in range(100)]

    first = await asyncio.gather(*map(echo, texts))
    (agreement,) = transport._agreements.values()
    rounds = [agreement.rounds]
    await frozen_wire.server.drain(0)
    waiting = asyncio.gather(*map(echo, texts))
    await frozen_wire.start(frozen_wire.address, revisions=FROZEN)
    second = await waiting
    rounds.append(agreement.rounds)

    assert (first, second) == (texts, texts)
    assert rounds == [1, 2]
    assert len(frozen_wire.received) == 200, "what was refused did not run"


async def test_more_revisions_than_are_remembered_all_come_to_an_end(frozen_wire, stack):
    echoes = [echoing(frozen_wire, other(n), stack) for n in range(JUDGED_MAX + 4)]

    for _ in range(2):
        assert [await echo("a") for _, echo in echoes] == ["a"] * len(echoes)
    calls = [echo("a") for _, echo in echoes for _ in range(5)]
    ends = await asyncio.gather(*calls, return_exceptions=True)

    assert {"a" if end == "a" else type(end) for end in ends} <= {"a", ContractDiffers}
    assert len(frozen_wire.received) == 2 * len(echoes) + ends.count("a")


async def test_a_callee_that_forgets_at_once_is_asked_only_so_often(ask):
    asked, sent = [], []

    async def understand(body, call):
        asked.append(body)
        return msgspec.json.encode({"differences": {}, "unfrozen": []})

    async def send():
        sent.append(1)
        raise REFUSAL

    with pytest.raises(ContractDiffers) as caught:
        await ask(understand, send=send)

    assert caught.value is REFUSAL
    assert (len(asked), len(sent)) == (EXCHANGES_MAX, EXCHANGES_MAX)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b'{"contract": "x"}', grpc.StatusCode.INVALID_ARGUMENT),
        (b'{"contract": "x", "revision": ' + b"[" * 100_000, grpc.StatusCode.INVALID_ARGUMENT),
        (
            msgspec.json.encode({"contract": NAME, "revision": NONSENSE}),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            msgspec.json.encode(
                {"contract": NAME, "revision": claiming(other(1), other(2).fingerprint.hex())}
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            msgspec.json.encode({"contract": "another", "revision": other()}),
            grpc.StatusCode.NOT_FOUND,
        ),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(frozen_wire, stack, body, code):
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(frozen_wire.address))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(f"/{SERVICE}/{METHOD}")(body)

    assert caught.value.code() is code


@pytest.fixture
async def ask(stack):
    """Make a call that was refused, to a process that answers the question so."""

    async def make(handle, seconds=5.0, send=never):
        server = grpc.aio.server()
        handlers = {METHOD: grpc.unary_unary_rpc_method_handler(handle)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        agreement = Agreement(channel, NAME, other())
        await agreement.repeat(MODEL.methods["echo"], REFUSAL, 0, lambda: seconds, send)

    return make


async def never():
    raise AssertionError


async def test_who_knows_no_such_question_leaves_the_refusal_as_it_was(ask):
    async def refuse(body, call):
        await call.abort(grpc.StatusCode.UNIMPLEMENTED, "")

    with pytest.raises(ContractDiffers) as caught:
        await ask(refuse)

    assert caught.value is REFUSAL


@pytest.mark.parametrize("answer", [b"", b"[]", b"\xff"])
async def test_an_answer_that_cannot_be_read_leaves_the_refusal_as_it_was(ask, answer):
    async def mumble(body, call):
        return answer

    with pytest.raises(ContractDiffers) as caught:
        await ask(mumble)

    assert caught.value is REFUSAL


async def test_a_process_that_is_gone_meanwhile_has_not_run_it(ask):
    async def end(body, call):
        await call.abort(grpc.StatusCode.UNAVAILABLE, "")

    with pytest.raises(ServiceUnreachable) as caught:
        await ask(end)

    assert not caught.value.may_have_run


async def test_the_deadline_holds_while_it_is_asked(ask):
    async def hang(body, call):
        await asyncio.Event().wait()

    with pytest.raises(CallTimedOut) as caught:
        await ask(hang, seconds=0.2)

    assert not caught.value.may_have_run
