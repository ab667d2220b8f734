"""A topology starts as one, is listed, and ends as one."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from outgrow.clock import SystemClock
from outgrow.process import read_seating, seating_path
from outgrow.process.control import ask
from tests.process.supervision.conftest import Start
from tests.process.supervision.program import (
    TOPOLOGY,
    Program,
    fetch,
    is_gone,
    kill,
    wait_gone,
    wait_until,
)

SHOP = Path(__file__).parents[3] / "examples" / "shop"


def outgrow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def told_by_nats(url: str, papers: Path | None = None) -> str:
    """What a NATS server says to one without its token, and without papers or with, at the end."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        address = (parts.hostname, parts.port)
        stranger = stack.enter_context(socket.create_connection(address, timeout=10))
        assert stranger.recv(65536).startswith(b"INFO ")
        if papers is not None:
            context = ssl.create_default_context(cafile=papers / "ca.crt")
            context.load_cert_chain(papers / "tls.crt", papers / "tls.key")
            wrapped = context.wrap_socket(stranger, server_hostname=parts.hostname)
            stranger = stack.enter_context(wrapped)
        try:
            stranger.sendall(b'CONNECT {"verbose":true}\r\nPING\r\n')
            return stack.enter_context(stranger.makefile()).read()
        except OSError:
            return ""


def test_it_starts_answers_logs_is_listed_and_ends_with_one_ctrl_c(
    start: Start, folder: Path
) -> None:
    running = start().wait_ready()
    pids = [process["pid"] for process in running.processes().values()]

    assert fetch(running.url(), "/notes", {"text": "a"}) == 1  # front, and from there back
    assert fetch(running.url(), "/counts/a") == 1  # the gateway answers for all services
    assert fetch(running.url("back"), "/counts/a") == 1  # and each process for its own
    running.wait_line("writing a", "front")  # what a service prints is a line of the log
    running.wait_line("POST /notes 200", "front")
    running.wait_line("ready", "back")
    listed = json.loads(outgrow(folder, "ps", "--json").stdout)
    assert listed["topology"] == "split"
    assert listed["pid"] == running.process.pid
    told = {process["name"]: process for process in listed["processes"]}
    assert list(told) == ["nats", "front", "back"]
    assert told["front"]["services"] == ["notes"]
    assert told["back"]["http"] == running.url("back")
    assert all(process["is_ready"] and process["restarts"] == 0 for process in told.values())
    table = outgrow(folder, "ps").stdout.splitlines()
    titles = ["process", "pid", "ready", "restarts", "renewed", "since", "http", "services"]
    assert table[0].split() == titles
    assert table[3].split()[5].endswith("Z")  # in every time zone the same
    assert table[3].split()[-1] == "counts"
    seating = read_seating(seating_path(running.state, "split"))
    assert seating.gateway == "front"
    assert seating.seats["back"].services == ("counts",)
    papers = Path(seating.identity) / "front"
    assert "Authorization Violation" in told_by_nats(seating.broker, papers)
    assert not told_by_nats(seating.broker)  # Who has no certificate is not asked for a token.
    assert (running.state / "run").stat().st_mode & 0o777 == 0o700

    assert running.stop() == 0

    assert all(is_gone(pid) for pid in pids)
    order = [line["process"] for line in running.lines if line["message"] == "stopped"]
    assert order == ["front", "back", "supervisor"]
    assert running.others == []  # all else is JSON
    said = [line["message"] for line in running.lines]
    assert sum(message.startswith("--open:") for message in said) == 1
    assert sum(told["back"]["http"] in message for message in said) == 1
    left = {path.name for path in (running.state / "run").iterdir()}
    assert left == {"supervisor.lock", "nats.conf"}
    assert outgrow(folder, "ps").returncode == 1


def test_the_shop_runs_divided_and_its_events_arrive(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    with Program(SHOP, "--state", str(folder), "--http", "127.0.0.1:0", state=folder) as running:
        url = running.wait_ready().url()
        delivery = {"item_id": "tea", "quantity": 3, "price_cents": 500}
        fetch(url, "/stock/deliveries", {"deliveries": [delivery]})
        user = fetch(url, "/users", {"name": "Ada"})["user_id"]
        body = {"user_id": user, "lines": [{"item_id": "tea", "quantity": 2}]}
        order = fetch(url, "/orders", body)["order_id"]

        status = wait_until(lambda: fetch(url, f"/orders/{order}")["status"], "confirmed")

        assert status == "confirmed"  # front told back, which told payments, which told front
        assert running.stop() == 0


def test_a_broker_that_cannot_be_reached_is_said_and_calls_go_on(
    start: Start, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = TOPOLOGY.replace(
        "[topology.split]", f'[topology.split]\nbroker = "nats://me:secret@127.0.0.1:{port}"'
    )
    (folder / "outgrow.toml").write_text(text)
    running = start().wait_ready()

    assert f"no NATS server answers at nats://127.0.0.1:{port}; " in running.wait_line("no NATS")
    assert "secret" not in str(running.lines)
    assert list(running.processes()) == ["front", "back"]
    assert fetch(running.url(), "/notes", {"text": "alone"}) == 1
    assert running.stop() == 0


def test_one_process_is_listed_too(folder: Path) -> None:
    command = [sys.executable, "-m", "outgrow", "run", "--open"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as together:
        try:
            assert together.stderr is not None
            assert any('"ready"' in line for line in together.stderr)
            (told,) = json.loads(outgrow(folder, "ps", "--json").stdout)["processes"]
        finally:
            together.kill()

    assert (told["name"], told["services"]) == ("main", ["notes", "counts"])
    assert told["http"].startswith("http://127.0.0.1:")


@pytest.fixture
def stuck(start: Start, folder: Path) -> Iterator[Program]:
    """A topology with a request under way that does not end."""
    text = (folder / "counts.py").read_text()
    waiting = 'print("waiting", flush=True)\n        await asyncio.Event().wait()'
    text = text.replace("async with self.store", f"{waiting}\n        async with self.store")
    text = text.replace(
        '{name}")\n    async def get', '{name}", deadline="60s")\n    async def get'
    )
    (folder / "counts.py").write_text(f"import asyncio\n{text}")
    running = start().wait_ready()
    with socket.create_connection(("127.0.0.1", int(running.url().rpartition(":")[2]))) as client:
        client.sendall(b"GET /counts/a HTTP/1.1\r\nhost: x\r\n\r\n")
        running.wait_line("waiting", "back")
        yield running


def test_a_second_signal_does_not_wait(stuck: Program) -> None:
    pids = [process["pid"] for process in stuck.processes().values()]
    stuck.signal(signal.SIGINT)
    stuck.wait_line("draining", "front")

    stuck.signal(signal.SIGINT)

    stuck.wait_line("told twice to end: what still runs is killed")
    assert stuck.end() == 130
    assert wait_gone(pids, 2.0) == []


def test_a_signal_to_all_processes_at_once_lets_a_request_end(start: Start, folder: Path) -> None:
    text = (folder / "counts.py").read_text()
    slow = 'print("waiting", flush=True)\n        await asyncio.sleep(1.0)'
    text = text.replace("async with self.store", f"{slow}\n        async with self.store")
    (folder / "counts.py").write_text(f"import asyncio\n{text}")
    running = start().wait_ready()
    pids = [process["pid"] for process in running.processes().values() if process["http"]]
    with socket.create_connection(("127.0.0.1", int(running.url().rpartition(":")[2]))) as client:
        client.sendall(b"GET /counts/a HTTP/1.1\r\nhost: x\r\n\r\n")
        running.wait_line("waiting", "back")
        for pid in pids:  # As systemd does, which tells the whole group.
            os.kill(pid, signal.SIGTERM)
        assert running.stop() == 0
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_signal_does_not_kill_a_process_that_is_ending_in_order(
    start: Start, folder: Path
) -> None:
    gate = folder / "gate"
    os.mkfifo(gate)
    text = (folder / "counts.py").read_text()
    leaving = "@atexit.register\ndef leave():\n    print('leaving', flush=True)\n"
    leaving += f"    open({str(gate)!r}).read()\n"
    (folder / "counts.py").write_text(f"import atexit\n{text}{leaving}")
    running = start().wait_ready()
    pid = running.pid("back")
    os.kill(pid, signal.SIGTERM)
    running.wait_line("leaving", "back")

    os.kill(pid, signal.SIGTERM)

    # Python's own handlers are gone before it is, and a signal would kill it then.
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    assert all(ignored >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGINT))
    gate.write_text("")  # It waits until somebody reads.
    running.wait_line("process back is back")
    assert not any("was ended" in message for message in running.messages("supervisor"))


@pytest.mark.long
def test_what_is_stuck_is_cut_off_after_ten_seconds_in_all(stuck: Program) -> None:
    clock = SystemClock()
    began = clock.monotonic()

    assert stuck.stop() == 0

    assert 9.5 < clock.monotonic() - began < 14.0
    assert "1 requests were cut off" in stuck.messages("front")


def test_what_was_killed_comes_back_and_answers(start: Start) -> None:
    running = start().wait_ready()
    url = running.url()
    assert fetch(url, "/notes", {"text": "c"}) == 1

    for name in ("back", "front", "nats"):
        before = running.pid(name)
        kill(before)
        told = running.wait_process(name, lambda p, old=before: p["pid"] not in (old, None))
        assert fetch(url, "/notes/c") == 1  # waits where it must, and is not refused
        assert told["restarts"] == 1
        running.wait_line(f"process {name} was ended by SIGKILL; it is started again in 0.1 s")

    before = running.pid("back")
    os.kill(before, signal.SIGTERM)  # Who is asked to end is started again at once.
    running.wait_line("process back is back", nth=2)
    assert running.pid("back") != before
    assert running.messages("supervisor")[-1].startswith("process back is back")
    assert sum("is started again in" in m for m in running.messages("supervisor")) == 3
    assert running.url() == url
    assert running.stop() == 0


def test_requests_wait_until_all_processes_are_ready(start: Start, folder: Path) -> None:
    text = (folder / "counts.py").read_text()
    opening = "    async def open(self):\n        print('opening')\n"
    opening += f"        await blocking(open({str(folder / 'gate')!r}).read)\n"
    (folder / "counts.py").write_text(text + opening)
    os.mkfifo(folder / "gate")
    running = start()
    running.wait_line("opening", "back")
    http = read_seating(seating_path(running.state, "split")).seats["front"].http
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(fetch, f"http://{http}", "/notes", {"text": "early"})

        assert not any(told["is_ready"] for n, told in running.processes().items() if n != "nats")
        assert not answer.done()
        (folder / "gate").write_text("")  # It waits until somebody reads.

        assert answer.result(20) == 1
    running.wait_ready()
    assert running.stop() == 0


def test_code_that_cannot_be_loaded_by_one_process_replaces_none(
    start: Start, folder: Path
) -> None:
    good = (folder / "counts.py").read_text()
    running = start().wait_ready()
    before = {name: running.pid(name) for name in ("front", "back")}
    (folder / "counts.py").write_text("import nowhere\n" + good)

    answer = ask(running.state / "run" / "supervisor.sock", "restart")

    assert answer["renewed"] == {"front": False, "back": False}
    assert "No module named 'nowhere'" in answer["reasons"]["back"]
    assert {name: running.pid(name) for name in before} == before
    assert fetch(running.url(), "/notes", {"text": "still"}) == 1
    running.signal(signal.SIGHUP)
    running.wait_line("process back cannot start", nth=2)
    running.wait_line("no process is replaced", nth=2)
    kill(before["back"])  # Now there is no way back: it is tried again, less and less often.
    running.wait_line("process back ended with status 2; it is started again in 0.4 s")
    (folder / "counts.py").write_text(good)
    running.wait_line("process back is back")
    assert fetch(running.url(), "/notes/still") == 1
    assert running.processes()["back"]["renewed"] == 0
    assert running.stop() == 0


def test_a_placement_that_has_changed_waits_for_the_next_start_and_is_said(
    start: Start, folder: Path
) -> None:
    running = start().wait_ready()
    control = running.state / "run" / "supervisor.sock"
    text = TOPOLOGY.replace('services = ["notes"]', 'services = ["counts"]')
    (folder / "outgrow.toml").write_text(text)

    answer = ask(control, "restart", process="back")

    assert answer == {"renewed": {"back": True}, "reasons": {}}
    assert "[topology.split] has changed. Stop" in running.wait_line(str(folder.resolve()))
    told = running.processes()
    assert told["back"]["services"] == ["counts"]
    assert (told["back"]["renewed"], told["back"]["restarts"]) == (1, 0)
    messages = running.messages("supervisor")
    began = messages.index("process back is being replaced")
    assert messages[began + 1] == "process back was replaced"

    (folder / "outgrow.toml").write_text(text.replace('"counts"]\n[g', '"counts", "more"]\n[g'))
    (folder / "more.py").write_text((folder / "counts.py").read_text().replace("Counts", "More"))
    answer = ask(control, "restart")

    assert "no process that runs hosts more." in answer["reasons"]["front"]
    assert fetch(running.url(), "/notes", {"text": "still"}) == 1
    assert running.stop() == 0


def test_nothing_outlives_a_killed_supervisor_and_it_starts_again(start: Start) -> None:
    running = start().wait_ready()
    pids = [process["pid"] for process in running.processes().values()]
    port = running.url().rpartition(":")[2]

    running.signal(signal.SIGKILL)
    again = start("--http", f"127.0.0.1:{port}")  # while its children still die

    assert wait_gone(pids, 2.0) == []
    again.wait_ready()
    for pid in (again.pid(name) for name in ("nats", "front", "back")):
        held = [fd.readlink() for fd in Path(f"/proc/{pid}/fd").iterdir()]
        assert again.state.resolve() / "run" / "supervisor.lock" in held
    assert again.url() == f"http://127.0.0.1:{port}"
    assert again.stop() == 0
