"""``outgrow run`` as its user meets it: a process that starts, answers, drains and stops."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.process.control import ask

SERVICE = """
import asyncio, threading
from outgrow import *
class Waiting(Contract):
    @query("GET /now")
    async def get_now(self) -> str: ...
    @query("GET /late")
    async def get_late(self) -> str: ...
    @query("GET /stuck")
    async def get_stuck(self) -> str: ...
    @query("GET /secret", allow="secrets:read")
    async def get_secret(self) -> str: ...
@service
class WaitingService(Waiting):
    async def get_now(self) -> str:
        return "now"
    async def get_late(self) -> str:
        print("waiting", flush=True)
        await blocking(input)
        return "late"
    async def get_stuck(self) -> str:
        print("stuck", flush=True)
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
    async def get_secret(self) -> str:
        return "secret"
"""


class Program:
    """``outgrow run`` in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        (folder / "waiting.py").write_text(SERVICE)
        text = '[app]\nname = "tried"\nservices = ["waiting"]\n[gateway]\nhttp = "127.0.0.1:0"\n'
        (folder / "outgrow.toml").write_text(text)
        self.socket = folder / ".outgrow" / "run" / "main.sock"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outgrow", "run", *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.logs: list[dict[str, Any]] = []
        self.connections: list[http.client.HTTPConnection] = []

    def read_until(self, message: str) -> dict[str, Any]:
        """The log line whose message begins with *message*; all before it are kept."""
        for text in self.process.stderr or ():
            line = json.loads(text)
            self.logs.append(line)
            if line["message"].startswith(message):
                return line
        raise AssertionError(f"no line begins with {message!r}: {self.logs}")

    def connect(self) -> http.client.HTTPConnection:
        line = next(line for line in self.logs if line["message"].startswith("answering at"))
        host, port = line["message"].split(",")[0].rpartition("/")[2].split(":")
        self.connections.append(http.client.HTTPConnection(host, int(port), timeout=20))
        return self.connections[-1]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Any]:
    started: list[Program] = []

    def start(*arguments: str) -> Program:
        started.append(Program(tmp_path, *arguments))
        started[-1].read_until("ready")
        return started[-1]

    yield start
    for each in started:
        for connection in each.connections:
            connection.close()
        each.process.kill()
        each.process.communicate()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, Any]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_it_answers_and_stops_at_the_first_ctrl_c(program) -> None:
    running = program()

    assert get(running.connect(), "/now") == (200, "now")
    assert running.stop() == 0


def test_what_needs_a_permission_is_refused_unless_it_is_open(program) -> None:
    running = program()

    status, problem = get(running.connect(), "/secret")

    assert status == 403
    assert "secrets:read" in problem["detail"]


def test_open_lets_everyone_in_and_says_so(program) -> None:
    running = program("--open")

    assert get(running.connect(), "/secret") == (200, "secret")
    assert any("everyone is anonymous" in line["message"] for line in running.logs)


def test_open_is_refused_where_other_machines_can_come(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(SERVICE)
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["waiting"]\n')

    ended = run(tmp_path, "run", "--open", "--http", "0.0.0.0:0")

    assert ended.returncode == 2
    assert "--open lets everyone in" in ended.stderr


def test_a_request_that_is_under_way_is_finished_at_the_end(program) -> None:
    running = program()
    connection = running.connect()
    connection.request("GET", "/late")
    assert running.process.stdout.readline() == "waiting\n"

    running.process.send_signal(signal.SIGTERM)
    running.read_until("draining")
    running.process.stdin.write("\n")
    running.process.stdin.flush()
    response = connection.getresponse()

    assert (response.status, json.loads(response.read())) == (200, "late")
    assert running.process.wait(timeout=20) == 0


def test_the_second_ctrl_c_does_not_wait(program) -> None:
    running = program()
    connection = running.connect()
    connection.request("GET", "/late")
    assert running.process.stdout.readline() == "waiting\n"

    running.process.send_signal(signal.SIGINT)
    running.read_until("draining")
    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(timeout=20) == 130


@pytest.mark.long
def test_a_process_ends_though_a_method_swallows_its_cancellation(program) -> None:
    running = program()
    connection = running.connect()
    connection.request("GET", "/stuck")
    assert running.process.stdout.readline() == "stuck\n"

    running.process.send_signal(signal.SIGTERM)

    running.read_until("some code swallows its cancellation")
    assert running.process.wait(timeout=20) == 1


def test_the_control_channel_tells_what_runs_and_how(program) -> None:
    running = program()
    get(running.connect(), "/now")

    assert ask(running.socket, "health") == {"is_ready": True, "waiting": {}, "has_started": True}
    assert ask(running.socket, "placement")["pid"] == running.process.pid
    (contract,) = ask(running.socket, "contracts")["waiting"]["contracts"].values()
    assert contract["methods"]["get_now"]["http"] == "GET /now"
    assert ask(running.socket, "statistics")["calls"]["waiting.get_now"]["calls"] == 1
    assert ask(running.socket, "settle")["wait_seconds"] is None
    assert running.socket.stat().st_mode & 0o777 == 0o600


def test_the_control_channel_refuses_what_it_does_not_know(program) -> None:
    from outgrow.errors import ControlError

    running = program()

    with pytest.raises(ControlError, match="nothing is found there. Known: .*health"):
        ask(running.socket, "clock", advance_seconds=1)


def test_in_test_mode_the_clock_is_moved_and_a_crash_point_armed(program) -> None:
    running = program("--test-mode")
    before = ask(running.socket, "clock", advance_seconds=0)["now"]

    after = ask(running.socket, "clock", advance_seconds=3600)["now"]
    ask(running.socket, "crash", point="application.draining", nth=1)
    running.process.send_signal(signal.SIGTERM)

    assert before[:13] != after[:13]
    assert running.process.wait(timeout=20) == -signal.SIGKILL


def test_nobody_behind_the_control_channel_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    from outgrow.errors import ControlError

    with pytest.raises(ControlError, match="Start it with 'outgrow run'"):
        ask(tmp_path / "main.sock", "health")


def test_a_taken_port_is_said_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(SERVICE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "outgrow.toml").write_text(
            f'[app]\nname = "tried"\nservices = ["waiting"]\n[gateway]\nhttp = "127.0.0.1:{port}"\n'
        )

        ended = run(tmp_path, "run")

    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "outgrow.toml [gateway] http" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_topology_ends_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["nowhere"]\n')

    ended = run(tmp_path, "run")

    assert ended.returncode == 2
    assert "service 'nowhere' cannot be imported" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_folder_without_a_topology_is_said(tmp_path: Path) -> None:
    ended = run(tmp_path, "run")

    assert ended.returncode == 2
    assert "outgrow.toml:1: there is no such file" in ended.stderr


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(SERVICE)
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["waiting"]\n')

    ended = run(tmp_path, "run", "--state", "long" * 40)

    assert ended.returncode == 2
    assert "--state DIR" in ended.stderr


def test_plaintext_is_for_a_topology(tmp_path: Path) -> None:
    ended = run(tmp_path, "run", "--plaintext")

    assert ended.returncode == 2
    assert "--plaintext is for a topology" in ended.stderr
