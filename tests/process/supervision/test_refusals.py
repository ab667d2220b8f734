"""What cannot start says why, once, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import InvalidTopology
from outgrow.process import Options, leashed
from outgrow.process.supervision import find_topology, run_topology
from outgrow.topology import read_topology
from tests.process.supervision.conftest import Start
from tests.process.supervision.program import TOPOLOGY

HANGS_SECONDS = 12.0
"""Less than a service may take to open, and than its process is waited for."""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        leashed(sys.executable, "-m", "outgrow", "run", *(arguments or ("split",))),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refused(
    folder: Path,
    topology: str = "split",
    *,
    http: str | None = None,
    state: Path | None = None,
    is_open: bool = False,
) -> list[str]:
    """What is found before anything is started."""
    plan = read_topology(folder / "outgrow.toml", http=http)
    with pytest.raises(InvalidTopology) as raised:
        run_topology(plan, find_topology(plan, topology), Options(is_open=is_open, state=state), [])
    return [str(finding) for finding in raised.value.findings]


def left(folder: Path) -> list[str]:
    """What a topology has left in its folder, and what still runs there."""
    names = [path.name for path in (folder / ".outgrow" / "run").glob("*.sock")]
    return names + [path.name for path in (folder / ".outgrow" / "run").glob("*.json")]


def test_all_findings_of_all_processes_come_at_once(folder: Path) -> None:
    notes, counts = folder / "notes.py", folder / "counts.py"
    notes.write_text(notes.read_text().replace("@service", "import nowhere\n@service"))
    # A contract that both processes read: its finding is told once.
    counts.write_text(counts.read_text().replace("name: str) -> int: ...", "name) -> int: ..."))

    ended = run(folder)

    assert ended.returncode == 2
    assert "No module named 'nowhere'" in ended.stderr
    assert ended.stderr.count("counts.py:5: parameter 'name' of add has no type.") == 1
    assert ended.stderr.count("counts.py:7: parameter 'name' of get_count has no type.") == 1
    assert "3 findings." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert left(folder) == []


def test_a_store_in_use_is_said_and_all_is_stopped(folder: Path) -> None:
    embedded = """
import asyncio, outgrow
async def main():
    async with outgrow.start():
        print("started", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen(
        leashed(sys.executable, "-c", embedded), cwd=folder, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "started\n"

        ended = run(folder)

        other.kill()
    assert ended.returncode == 1
    assert "process 'back'" in ended.stderr
    assert "counts.sqlite3" in ended.stderr
    assert left(folder) == []


def test_who_runs_together_is_named_before_anything_is_taken(folder: Path) -> None:
    with subprocess.Popen(
        leashed(sys.executable, "-m", "outgrow", "run"),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as together:
        assert together.stderr is not None
        assert any('"ready"' in line for line in together.stderr)

        ended = [run(folder), run(folder, "--open")]

        together.kill()
    for one in ended:
        assert one.returncode == 1
        assert f"outgrow run runs here (process {together.pid}): stop it first" in one.stderr
    assert left(folder) == ["main.sock"]


def test_a_topology_that_runs_is_named_with_its_supervisor(start: Start, folder: Path) -> None:
    running = start().wait_ready()
    pid = running.process.pid

    ended = run(folder, "--open")

    assert ended.returncode == 1
    told = f"the topology 'split' of this application runs here (supervisor {pid}): stop it first"
    assert f"{told}: kill {pid}" in ended.stderr
    running.signal(signal.SIGKILL)
    with subprocess.Popen(
        leashed(sys.executable, "-m", "outgrow", "run", "--open"),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as together:
        assert together.stderr is not None
        assert any('"ready"' in line for line in together.stderr)
        assert left(folder) == ["main.sock"]  # what the killed one has left is gone
        together.kill()


def test_a_process_that_just_dies_is_named_and_its_words_stand_in_the_log(folder: Path) -> None:
    text = (folder / "notes.py").read_text()
    opening = """    async def open(self):
        print("no paper", flush=True)
        os._exit(1)
"""
    (folder / "notes.py").write_text(f"import os\n{text}{opening}")

    ended = run(folder)

    assert ended.returncode == 1
    assert "process 'front' ended with status 1 before it was ready" in ended.stderr
    assert "no paper" in ended.stderr
    assert left(folder) == []


@pytest.mark.parametrize("arguments", [("--open",), ("split",)], ids=["together", "split"])
def test_a_service_that_cannot_open_is_named_with_its_line(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    text = (folder / "notes.py").read_text()
    opening = '    async def open(self):\n        raise RuntimeError("no paper")\n'
    (folder / "notes.py").write_text(text + opening)

    ended = run(folder, *arguments)

    line = len((text + opening).splitlines())
    told = f"service 'notes' could not open: RuntimeError: no paper, at notes.py:{line}"
    assert ended.returncode == 1
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_start_that_fails_in_one_process_does_not_wait_for_the_start_of_another(
    folder: Path,
) -> None:
    text = (folder / "notes.py").read_text()
    opening = """    async def open(self):
        await asyncio.Event().wait()
"""
    (folder / "notes.py").write_text(f"import asyncio\n{text}{opening}")
    (folder / "counts_migrations" / "0002_x.sql").write_text("create tabel x (a);")
    clock = SystemClock()
    began = clock.monotonic()

    ended = run(folder)

    assert ended.returncode == 1
    assert '0002_x.sql:1: near "tabel": syntax error' in ended.stderr
    assert "the start is given up" in ended.stderr
    assert clock.monotonic() - began < HANGS_SECONDS
    assert left(folder) == []


@pytest.mark.parametrize("arguments", [(), ("split",)], ids=["together", "split"])
def test_one_ctrl_c_ends_a_start_that_hangs(folder: Path, arguments: tuple[str, ...]) -> None:
    text = (folder / "notes.py").read_text()
    opening = """    async def open(self):
        print("opening", flush=True)
        await asyncio.Event().wait()
    async def close(self):
        print("closed", flush=True)
"""
    (folder / "notes.py").write_text(f"import asyncio\n{text}{opening}")
    with subprocess.Popen(
        leashed(sys.executable, "-m", "outgrow", "run", *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert any("opening" in line for line in program.stdout)

        program.send_signal(signal.SIGINT)

        said, _ = program.communicate(timeout=HANGS_SECONDS)
    assert program.returncode == 0
    assert "closed" in said  # what was opened is closed
    assert "Traceback" not in said
    assert left(folder) == []


def test_a_second_supervisor_is_refused_with_the_number_of_the_first(
    start: Start, folder: Path
) -> None:
    running = start().wait_ready()

    ended = run(folder)

    assert ended.returncode == 1
    assert f"(supervisor {running.process.pid})" in ended.stderr
    assert all(process["is_ready"] for process in running.processes().values())
    assert running.stop() == 0


def test_a_path_that_no_socket_can_have_is_refused_for_each_socket(folder: Path) -> None:
    state = folder / ("long" * 20)

    findings = refused(folder, state=state)

    assert len(findings) == 5  # two of each process, and the supervisor's
    assert f"{state.resolve()}/run/back.calls.sock is longer than the 107 bytes" in findings[4]
    assert "--state DIR" in findings[4]


def test_without_a_nats_server_the_extra_is_named(folder: Path, tmp_path: Path) -> None:
    # A Python that has no server beside it, and a path without one.
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    ended = subprocess.run(
        [python, "-m", "outgrow", "run", "split"],
        cwd=folder,
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert "pip install 'outgrow[nats]'" in ended.stderr
    assert left(folder) == []


def test_a_taken_address_is_said_with_its_setting(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = TOPOLOGY + f'http = "127.0.0.1:{port}"\n'
        (folder / "outgrow.toml").write_text(text)

        ended = run(folder)

    assert ended.returncode == 1
    assert f"[topology.split.process.back] http: 127.0.0.1:{port} is in use" in ended.stderr


def test_an_unknown_topology_is_refused_with_those_that_are_known(folder: Path) -> None:
    (finding,) = refused(folder, "splitt")

    assert "no topology is called 'splitt'." in finding
    assert "Known: split." in finding


def test_open_is_refused_where_other_machines_can_come(folder: Path) -> None:
    (folder / "outgrow.toml").write_text(TOPOLOGY + 'http = "0.0.0.0:0"\n')

    (finding,) = refused(folder, is_open=True)

    assert "0.0.0.0:0 can be reached from other machines" in finding


def test_http_needs_a_process_that_answers_for_all(folder: Path) -> None:
    text = TOPOLOGY.replace('[gateway]\nhttp = "127.0.0.1:0"\n', "")
    (folder / "outgrow.toml").write_text(text.replace('gateway = "front"\n', ""))

    (finding,) = refused(folder, http="127.0.0.1:0")

    assert "--http: no process of topology 'split' answers for all services." in finding


def outgrow(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_check_finds_wrong_migrations_and_an_address_that_two_have(folder: Path) -> None:
    text = TOPOLOGY.replace("127.0.0.1:0", "127.0.0.1:8080") + 'http = "127.0.0.1:8080"\n'
    (folder / "outgrow.toml").write_text(text)
    (folder / "counts_migrations" / "0002_x.sql").write_text("create tabel x (a);")

    ended = outgrow(folder, "check")

    assert ended.returncode == 2
    assert "process 'back' of topology 'split' has the http of [gateway]." in ended.stderr
    assert '0002_x.sql:1: near "tabel": syntax error' in ended.stderr
    assert not (folder / ".outgrow").exists()


def test_a_gap_between_migrations_is_a_finding(folder: Path) -> None:
    (folder / "counts_migrations" / "0003_x.sql").write_text("create table x (a);")

    assert "this should be migration 0002" in outgrow(folder, "check").stderr


def test_the_version_is_told(folder: Path) -> None:
    assert outgrow(folder, "--version").stdout.startswith("outgrow ")
