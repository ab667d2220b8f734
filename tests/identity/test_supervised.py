"""A topology as `outgrow run` starts it: with certificates, or in plain text and saying so."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import grpc.aio
import msgspec
import pytest

from outgrow.cli.ps import ps
from outgrow.identity.certificates import Identity
from outgrow.process import read_seating, seating_path
from outgrow.process.control import ask
from tests.identity.test_servers import reached
from tests.process.supervision.program import (
    NOTES,
    TOPOLOGY,
    Program,
    fetch,
    write_application,
)

HASTY = Path(__file__).with_name("hasty.py")
ALONE = """
from outgrow import *
class Notes(Contract):
    @command("POST /notes")
    async def write(self, text: str) -> int: ...
    @query("GET /notes/{text}")
    async def get_note(self, text: str) -> int: ...
@service
class NotesService(Notes):
    async def write(self, text: str) -> int:
        return -1
    async def get_note(self, text: str) -> int:
        return -1
"""


ONE_PROCESS = """
[app]
name = "small"
services = ["notes", "counts"]
[topology.split]
broker = "nats://127.0.0.1:1"
discovery = "static"
[topology.split.process.back]
services = ["*"]
"""


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.getbasetemp() / "bytecode"))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="og-")))

        def started(
            *arguments: str,
            topology: str = TOPOLOGY,
            program: tuple[str, ...] = ("-m", "outgrow"),
            **code: str,
        ) -> Program:
            write_application(folder, **code)
            (folder / "outgrow.toml").write_text(topology)
            return stack.enter_context(Program(folder, *arguments, program=program))

        yield started


def knock(address: str, folder: Path | None, via: str = "notes") -> tuple[grpc.StatusCode, str]:
    """How the process at *address* ends a call of somebody with the papers in *folder*."""
    luggage = [5.0, {"kind": "system"}, "an-id", None, via, b""]
    metadata = (("outgrow-bin", msgspec.msgpack.encode(luggage)),)

    async def call() -> grpc.aio.AioRpcError:
        if folder is None:
            channel = grpc.aio.insecure_channel(address)
        else:
            identity = Identity(folder)
            _, papers = identity.papers()
            credentials = grpc.ssl_channel_credentials(papers.authorities, papers.key, papers.chain)
            options = [("grpc.ssl_target_name_override", "back.small.local.outgrow")]
            channel = grpc.aio.secure_channel(address, credentials, options=options)
        async with channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/small.counts.v1.Counts/GetCount")(
                    b"", metadata=metadata, timeout=10
                )
        return caught.value

    error = asyncio.run(call())
    return error.code(), error.details()


def test_processes_know_each_other_and_let_in_who_is_declared(start):
    running = start(notes=ALONE).wait_ready()
    seating = read_seating(seating_path(running.state, "split"))
    papers, address = Path(seating.identity), seating.seats["back"].calls

    assert fetch(running.url(), "/counts/a") == 0  # the gateway may call all
    assert seating.broker.startswith("tls://")
    assert seating.callers == {}
    assert ask(running.state / "run" / "supervisor.sock", "placement")["is_plaintext"] is False
    told = ask(running.state / "run" / "back.sock", "statistics")["identity"]
    assert told["name"] == "spiffe://small.local/back"
    assert (told["is_plaintext"], told["refused"]) == (False, 0)
    keys = list(papers.rglob("*.key"))
    assert {key.parent.name for key in keys} == {"front", "back", "nats"}
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert not any("warning" in line["level"] for line in running.lines if "open" not in str(line))

    code, text = knock(address, papers / "front")
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "service 'notes' of process 'front' does not declare 'counts'" in text
    code, text = knock(address, papers / "nats")
    assert "process 'nats' says that service 'notes' calls, which it does not host" in text
    running.wait_line("counts.get_count was refused to spiffe://small.local/front: ", "back")
    running.wait_line("counts.get_count was refused to spiffe://small.local/nats: ", "back")
    assert knock(address, None)[0] is grpc.StatusCode.UNAVAILABLE
    running.wait_line(
        "a connection was not made, and nobody said who it was: it spoke plain", "back"
    )

    # What is declared from now on is let in, and nobody is told by hand.
    write_application(running.state.parent, notes=NOTES)
    running.signal(signal.SIGHUP)
    running.wait_line("renewed")
    assert fetch(running.url(), "/notes", {"text": "a"}) == 1
    assert read_seating(seating_path(running.state, "split")).callers == {"counts": ("notes",)}

    assert running.stop() == 0
    assert not papers.exists()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_no_request_fails_while_all_certificates_rotate(start):
    running = start(program=(str(HASTY),)).wait_ready()
    seating = read_seating(seating_path(running.state, "split"))
    url, is_over = running.url(), threading.Event()
    answered, failures = [], []

    def ask_on(number: int) -> None:
        while not is_over.is_set():
            try:
                answered.append(fetch(url, "/notes", {"text": f"{number}.{len(answered)}"}))
            except Exception as error:  # noqa: BLE001 - counted
                failures.append(error)

    front = Path(seating.identity) / "front"
    broker = seating.broker.replace("identity=own", f"identity={front}")
    before = asyncio.run(reached(broker))
    with ThreadPoolExecutor() as threads:
        for number in range(4):
            threads.submit(ask_on, number)
        try:
            running.wait_line("new certificates: back, front, nats", nth=4)
        finally:
            is_over.set()

    assert failures == []
    assert len(answered) > 100
    told = ask(running.state / "run" / "back.sock", "statistics")["identity"]
    assert told["renewed"] >= 3
    assert asyncio.run(reached(broker)) != before
    assert running.stop() == 0


def test_plain_text_is_said(start, capsys):
    running = start("--plaintext", topology=ONE_PROCESS).wait_ready()
    seating = read_seating(seating_path(running.state, "split"))

    running.wait_line("--plaintext: processes call each other without certificates")
    assert not seating.identity
    assert ask(running.state / "run" / "back.sock", "statistics")["identity"] == {
        "is_plaintext": True
    }
    ps(state=running.state, json=True)
    told = capsys.readouterr()
    assert json.loads(told.out)["is_plaintext"] is True
    ps(state=running.state, json=False)
    assert capsys.readouterr().err.startswith("--plaintext: ")
    assert running.stop() == 0
