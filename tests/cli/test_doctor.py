"""``outgrow doctor`` finds what stands in the way of a program, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.errors import ExtraMissing
from outgrow.process.doctor import databases, examine, folder, machine, running
from tests.cli.test_check import SERVICE


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder with a short path, below which there is room for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        yield Path(folder)


def write(folder: Path, more: str = "") -> None:
    (folder / "first.py").write_text(SERVICE.format("First"))
    text = '[app]\nname = "tried"\nservices = ["first"]\n'
    (folder / "outgrow.toml").write_text(f"{text}{more}")


def doctor(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The status, and what was observed, by name."""
    ended = subprocess.run(
        [sys.executable, "-m", "outgrow", "doctor", "--json", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    answer = json.loads(ended.stdout)
    assert answer["is_ok"] is (ended.returncode == 0)
    return ended.returncode, {one["what"]: one for one in answer["observations"]}


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        yield opened


def test_where_all_is_well_the_status_is_0_and_nothing_is_made(tmp_path: Path) -> None:
    write(tmp_path, '[gateway]\nhttp = "127.0.0.1:0"\n')

    status, seen = doctor(tmp_path)

    assert status == 0
    for what in ("python", "sqlite", "extra grpc", "extra nats", "nats-server", "topology", "http"):
        assert seen[what]["state"] == "ok", seen[what]
    assert seen["nats-server"]["message"].startswith("v2.")
    assert "which will be made" in seen["state folder"]["message"]
    assert not (tmp_path / ".outgrow").exists()


def test_it_is_readable_and_each_problem_has_its_remedy_below(tmp_path: Path) -> None:
    write(tmp_path, "colour = 3\n")

    ended = subprocess.run(
        [sys.executable, "-m", "outgrow", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    lines = ended.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("problem"))
    assert ended.returncode == 1
    assert lines[at].split(maxsplit=2)[1:] == ["topology", "outgrow.toml has 1 finding"]
    assert lines[at + 1].strip() == "See them all: outgrow check"
    assert lines[-1].startswith("1 problem, ")


def test_a_taken_port_is_a_problem(tmp_path: Path, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    write(tmp_path, f'[gateway]\nhttp = "127.0.0.1:{port}"\n')

    status, seen = doctor(tmp_path)

    assert status == 1
    assert seen["http"]["message"] == f"another program listens at 127.0.0.1:{port}"
    assert "[gateway] http" in seen["http"]["remedy"]


def test_a_broker_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        topology = f'[topology.far]\nbroker = "nats://127.0.0.1:{port}"\n'
        write(tmp_path, f'{topology}[topology.far.process.all]\nservices = ["*"]\n')

        status, seen = doctor(tmp_path)

    assert status == 1
    assert seen["broker of far"]["message"] == f"nothing listens at 127.0.0.1:{port}"


def test_a_state_folder_whose_path_is_too_long_for_sockets_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path)

    status, seen = doctor(tmp_path, "--state", str(tmp_path / ("long" * 30)))

    assert status == 1
    assert "a Unix socket may have 107" in seen["socket paths"]["message"]
    assert "--state DIR" in seen["socket paths"]["remedy"]


def test_a_file_where_the_folder_should_be_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / ".outgrow").touch()

    status, seen = doctor(tmp_path)

    assert status == 1
    assert seen["state folder"]["message"].endswith("is no folder")


def test_without_a_topology_file_the_machine_is_looked_at(tmp_path: Path) -> None:
    status, seen = doctor(tmp_path)

    assert status == 0
    assert seen["topology"]["state"] == "warning"
    assert "outgrow new NAME" in seen["topology"]["remedy"]


def test_what_runs_is_seen_and_its_port_is_ours(tmp_path: Path, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    listening.close()
    write(tmp_path, f'[gateway]\nhttp = "127.0.0.1:{port}"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "outgrow", "run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stderr is not None
            for line in program.stderr:
                if json.loads(line)["message"] == "ready":
                    break
            status, seen = doctor(tmp_path)
            program.send_signal(signal.SIGKILL)
            program.communicate(timeout=20)
            status_after, after = doctor(tmp_path)
        finally:
            program.kill()

    assert (status, status_after) == (0, 0)
    assert seen["process main"]["message"] == f"ready, pid {program.pid}"
    assert seen["http"]["message"].endswith("is answered by this application")
    assert after["socket"]["state"] == "warning"
    assert "main.sock" in after["socket"]["message"]
    assert after["http"]["message"].endswith("is free")


def test_a_process_that_hangs_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(running, "ANSWER_SECONDS", 0.1)
    run = tmp_path / "state" / "run"
    run.mkdir(parents=True)
    monkeypatch.chdir(run)
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind("main.sock")
        hanging.listen()

        observed = examine(tmp_path / "outgrow.toml", Path(".."))

    [found] = [one for one in observed if one.what == "process main"]
    assert found.state == "problem"
    assert "hangs or is stopped" in found.remedy


def test_an_extra_that_a_topology_needs_is_a_problem_and_else_a_warning() -> None:
    needed = machine._extra("nats", ["no-such-package"], is_needed=True)
    other = machine._extra("nats", ["no-such-package"], is_needed=False)

    assert (needed.state, other.state) == ("problem", "warning")
    assert needed.message == "not installed: no-such-package"
    assert "pip install 'outgrow[nats]'" in needed.remedy


@pytest.mark.parametrize(
    ("kind", "state"), [("ext4", "ok"), ("nfs4", "problem"), ("tmpfs", "warning")]
)
def test_a_folder_on_another_machine_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, state: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / xfs rw 0 0\nserver:/b {tmp_path} {kind} rw 0 0\nproc /proc proc r\n"
    )

    assert folder.file_system_of(tmp_path, mounts) == kind
    assert folder.file_system_of(Path("/"), mounts) == "xfs"
    assert folder.file_system_of(tmp_path, tmp_path / "none") is None
    monkeypatch.setattr(folder, "file_system_of", lambda *_: kind)
    assert folder._file_system(tmp_path, tmp_path).state == state


async def test_a_server_that_would_be_started_is_tried_and_databases_elsewhere_are_asked(
    tmp_path: Path, postgres_url: str
) -> None:
    write(tmp_path, 'store = "postgres"\n')
    status, seen = await asyncio.to_thread(doctor, tmp_path)
    assert status == 0
    assert seen["postgres"]["state"] == "ok"
    assert seen["extra postgres"]["state"] == "ok"
    assert not (tmp_path / ".outgrow").exists()

    write(tmp_path, f'store = "{postgres_url}"\n')
    status, seen = await asyncio.to_thread(doctor, tmp_path)
    assert status == 0
    assert seen["store of first"]["message"].startswith("PostgreSQL 1")

    wrong = postgres_url.replace("outgrow_tests:", "nobody:")
    write(tmp_path, f'store = "{wrong}"\n')
    status, seen = await asyncio.to_thread(doctor, tmp_path)
    assert status == 1
    assert seen["store of first"]["state"] == "problem"
    assert "outgrow store create" in seen["store of first"]["remedy"]
    assert wrong.split(":")[2].split("@")[0] not in json.dumps(seen)


def test_a_server_that_cannot_be_started_is_a_problem_for_who_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "find_binaries", _missing)
    for more, state in (("", "warning"), ('store = "postgres"\n', "problem")):
        write(tmp_path, more)
        seen = {one.what: one for one in examine(tmp_path / "outgrow.toml", None)}
        assert seen["postgres"].state == state
        assert "pip install 'outgrow[postgres]'" in seen["postgres"].remedy


def _missing(_: Path) -> Path:
    raise ExtraMissing("postgres", "stores in PostgreSQL")
