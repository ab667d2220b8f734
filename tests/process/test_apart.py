"""One process of several calls the others and is called: routed, repeated, drained, compared."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import msgspec
import pytest

from outgrow.calls import using
from outgrow.clock import ManualClock, SystemClock
from outgrow.context import Caller
from outgrow.contracts.descriptions import ServiceDescription
from outgrow.errors import (
    CallError,
    CallInTransaction,
    CallTimedOut,
    ContractDiffers,
    InvalidTopology,
    ServiceUnreachable,
)
from outgrow.journal.consumers.waiting import ATTEMPTS_MAX
from outgrow.process import Seating
from outgrow.process.control import control_verbs
from outgrow.process.freezing import describe_services
from outgrow.telemetry import JsonFormatter
from tests.process.bank import BANK, child, process, write_bank


@pytest.fixture
def file(write, tmp_path):
    file = write(desk="")
    write_bank(tmp_path)
    return file


@pytest.fixture
async def both(file, seating):
    async with process(file, seating, "b") as b, process(file, seating, "a") as a:
        yield a, b


@pytest.fixture
def log():
    """The errors that are logged, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.setLevel(logging.ERROR)
    logging.root.addHandler(handler)
    yield stream
    logging.root.removeHandler(handler)


def contracts():
    from bank.contract import Bank, Full
    from desk import Desk

    return Desk, Bank, Full


async def http(app, verb, path, body=None):
    """The status and the body that *app* answers."""
    sent, content = [], b"" if body is None else json.dumps(body).encode()
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"idempotency-key", b"k")]
    headers.append((b"content-length", b"%d" % len(content)))
    scope = {
        "type": "http", "method": verb, "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
        "client": None, "server": None, "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app.asgi(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body) if body else None


async def test_a_service_calls_another_of_another_process(both) -> None:
    a, _ = both
    desk, bank, _ = contracts()

    entries = await a.client(desk).serve("x")

    assert len({entry.entry_id for entry in entries}) == 2
    assert await a.client(bank).count("x") == 2


async def test_who_asks_and_under_which_trace_crosses(both) -> None:
    a, _ = both
    caller = Caller(kind="user", subject="ada", tenant="acme", permissions=frozenset({"*"}))

    correlation, trace, *seen = await a.client(contracts()[0], caller=caller).who()

    assert seen == ["ada", "acme", "desk", correlation, trace, ""]


async def test_a_problem_crosses_two_borders(both) -> None:
    a, _ = both
    desk, _, full = contracts()

    with pytest.raises(full) as caught:
        await a.client(desk).serve("full")

    assert str(caught.value) == "The account full is full."


async def test_a_list_is_copied_on_its_way(both) -> None:
    a, _ = both
    names = ["ada"]

    assert await a.client(contracts()[1]).listed(names) == ["ada", "bank"]
    assert names == ["ada"]


async def test_nothing_of_another_process_is_called_inside_a_transaction(both) -> None:
    a, _ = both
    desk, bank, _ = contracts()

    with pytest.raises(Exception, match=CallInTransaction.__name__):
        await a.client(desk).call_inside("x")

    assert await a.client(bank).count("x") == 0


async def test_a_service_of_this_process_is_called_without_a_wire(file, seating) -> None:
    async with process(file, seating, "b", serves=False) as b:
        assert await b.client(contracts()[1]).count("x") == 0

    assert b._hosted.patience.retried == 0


async def test_the_gateway_and_the_hosting_process_answer_alike(both) -> None:
    a, b = both

    first = await http(a, "POST", "/entries", {"account": "x"})
    again = await http(b, "POST", "/entries", {"account": "x"})

    assert first == again, "one key, one effect, whichever process was asked"
    for verb, path, body in [
        ("GET", "/entries/x", None),
        ("POST", "/entries", {"account": "full"}),
        ("POST", "/entries", {"account": "x", "cents": "none"}),
        ("POST", "/entries", {}),
    ]:
        answers = [await http(app, verb, path, body) for app in (a, b)]
        for _, answer in answers:
            if isinstance(answer, dict):
                answer.pop("correlation_id", None)
        assert answers[0] == answers[1], path


async def test_a_traceback_is_logged_once_and_where_the_service_is(both, log) -> None:
    a, _ = both

    _, answer = await http(a, "POST", "/entries", {"account": "broken"})

    hosting, gateway = [json.loads(line) for line in log.getvalue().splitlines()]
    assert hosting["logger"] == "outgrow.calls"
    assert hosting["level"] == "error"
    assert (hosting["method"], hosting["correlation_id"]) == (
        "bank.enter",
        answer["correlation_id"],
    )
    *_, place, line, last = hosting["exception"].splitlines()
    assert "bank/service.py" in place
    assert line.strip() == 'raise RuntimeError("no ink")'
    assert last == "RuntimeError: no ink"
    assert "<door of" not in hosting["exception"]
    assert "exception" not in gateway
    assert gateway["message"] == (
        "bank.enter: it raised builtins.RuntimeError: no ink. "
        "Its traceback stands in the log of the process that hosts bank."
    )
    assert gateway["correlation_id"] == answer["correlation_id"]


async def test_in_one_process_the_gateway_alone_logs_the_traceback(both, log) -> None:
    _, b = both

    await http(b, "POST", "/entries", {"account": "broken"})

    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert line["logger"] == "outgrow.gateway"
    assert line["exception"].endswith("RuntimeError: no ink")


async def test_only_the_gateway_answers_for_services_of_others(both) -> None:
    a, b = both

    assert (await http(a, "POST", "/desk", {"account": "x"}))[0] == 200
    assert (await http(b, "POST", "/desk", {"account": "x"}))[0] == 404


async def test_a_process_that_hosts_nothing_calls_them_all(both, file, seating) -> None:
    desk, bank, _ = contracts()
    async with process(file, seating, None) as nobody:
        await nobody.client(desk).serve("x")

        assert await nobody.client(bank).count("x") == 2
        assert nobody.models == []


async def test_a_service_that_is_nowhere_is_named_before_anything_is_called(file, seating) -> None:
    alone = {"a": seating.seats["a"]}

    with pytest.raises(InvalidTopology, match=r"'split': service 'bank' is hosted by none") as c:
        async with process(file, Seating(**{**as_dict(seating), "seats": alone}), "a"):
            pass

    assert [finding.slug for finding in c.value.findings] == ["service-nowhere"]


def as_dict(seating):
    return {name: getattr(seating, name) for name in seating.__struct_fields__}


async def test_a_call_waits_for_a_process_that_starts(file, seating) -> None:
    async with process(file, seating, "a") as a, asyncio.TaskGroup() as group:
        call = group.create_task(a.client(contracts()[1]).count("x"))
        await tried(a)
        async with process(file, seating, "b"):
            assert await call == 0

        statistics = await a.statistics()

    assert statistics["unreachable"]["retried"] >= 1
    assert statistics["unreachable"]["given_up"] == 0


async def test_a_process_that_stops_lets_the_calls_of_others_end(file, seating) -> None:
    async with process(file, seating, "a") as a, asyncio.TaskGroup() as group:
        async with process(file, seating, "b") as b:
            call = await begin_to_hang(a, group)
            asyncio.get_running_loop().call_soon(release, b)
        assert call.done(), "it was waited for"

        assert await call is None


async def test_a_call_that_does_not_end_is_cut_off_after_its_grace(file, seating) -> None:
    async with process(file, seating, "a") as a, asyncio.TaskGroup() as group:
        async with process(file, seating, "b", grace_seconds=0.1):
            call = await begin_to_hang(a, group, deadline=1.0)

        assert isinstance(await call, ServiceUnreachable | CallTimedOut)
        assert call.result().may_have_run is True


async def test_a_process_that_stops_does_not_wait_for_others_that_are_gone(file, seating) -> None:
    loop = asyncio.get_running_loop()
    async with process(file, seating, "a") as a:
        entering = a.client(contracts()[0]).serve("x")
        async with asyncio.TaskGroup() as group:
            call = group.create_task(outcome(entering))
            await tried(a)
            a.set_draining()
            drained = loop.time()

    assert "ServiceUnreachable" in str(call.result())
    assert loop.time() - drained < 2.5


async def tried(app):
    """Wait until a call of *app* has met nobody."""
    while app._hosted.patience.retried == 0:
        await SystemClock().sleep(0.001)


async def begin_to_hang(app, group, **wishes):
    """A call that is under way in the bank, and waits to be released."""
    bank = contracts()[1]
    call = group.create_task(outcome(using(app.client(bank), **wishes).hang()))
    while await app.client(bank).begun() == 0:
        pass
    return call


def release(_: object) -> None:
    from bank.service import SERVICES

    SERVICES[-1].released.set()


async def outcome(awaitable):
    try:
        return await awaitable
    except CallError as error:
        return error


OTHER = BANK.replace("entry_id: str\n", "entry_id: str\n    note: str = ''\n", 1)


async def test_a_contract_that_differs_between_two_processes_lets_nothing_run(
    file, seating, tmp_path
) -> None:
    other = tmp_path / "other"
    write_bank(other, OTHER)
    async with process(file, seating, "a", clock=ManualClock()) as a:
        desk, bank, _ = contracts()
        async with child(other, seating):
            with pytest.raises(ContractDiffers) as caught:
                await a.client(bank).enter("x")
            status, body = await http(a, "POST", "/entries", {"account": "x"})
            await a.client(desk).send("sent")
            for _ in range(ATTEMPTS_MAX + 2):
                a.clock.advance(await a.settle())  # It waits for the next attempt, without end.
            await a.settle()
            (sender,) = (await a.statistics())["consumers"]

        known = describe_services("tried", a.known, a.frozen)["bank"].contracts["v1.Bank"]
        error = caught.value
        assert error.may_have_run is False
        assert (error.contract, error.caller_has) == ("bank.Bank", known.fingerprint)
        assert error.callee_has != error.caller_has
        assert error.place.startswith(str(other / "bank" / "contract.py"))
        assert "Deploy both sides from the same revision" in str(error)
        assert (status, body["type"]) == (503, "/problems/outgrow.ContractDiffers")
        assert body["may_have_run"] is False
        assert sender.attempts_failed > ATTEMPTS_MAX
        assert sender.waiting == 1
        assert sender.parked_count == 0

        async with process(file, seating, "b") as b:
            while (seconds := await a.settle()) is not None:
                a.clock.advance(seconds)
            assert await b.client(bank).count("sent") == 1, "what was sent was not lost"
            assert await b.client(bank).count("x") == 0, "what was refused did not run"


async def test_what_a_process_promises_can_be_asked_for(both) -> None:
    _, b = both

    answer = await control_verbs(b)["contracts"]({})

    assert list(answer) == ["bank"]
    told = msgspec.convert(answer["bank"], ServiceDescription)
    assert told == b.describe()["bank"]
    assert len(told.contracts["v1.Bank"].fingerprint) == 32
