"""``outgrow event`` and ``outgrow doctor`` where a topology runs as several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.process.scaffold import write_scaffold

pytestmark = pytest.mark.timeout(120)


def outgrow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(folder: Path, *arguments: str) -> Any:
    return json.loads(outgrow(folder, *arguments, "--json").stdout)


@pytest.fixture
def library() -> Iterator[Path]:
    """The library of ``outgrow new``, running as its topology divides it; its path is short."""
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name, "library")
        write_scaffold("library", folder)
        command = [sys.executable, "-m", "outgrow", "run", "split", "--open"]
        with subprocess.Popen(
            [*command, "--http", "127.0.0.1:0"], cwd=folder, stderr=subprocess.PIPE, text=True
        ) as supervisor:
            try:
                assert supervisor.stderr is not None
                for line in supervisor.stderr:
                    if json.loads(line)["message"] == "all ready":
                        break
                yield folder
            finally:
                supervisor.send_signal(signal.SIGINT)
                supervisor.communicate(timeout=60)


@pytest.mark.long
def test_all_processes_are_asked_and_who_is_stopped_is_named(library: Path) -> None:
    consumers = told(library, "event", "consumers")["consumers"]
    rows = told(library, "event", "list", "loans")
    doctor = {one["what"]: one for one in told(library, "doctor")["observations"]}

    assert [(one["consumer"], one["process"]) for one in consumers] == [("catalog.count", "front")]
    assert rows == {"service": "loans", "rows": [], "is_cut": False}
    for process in ("front", "back", "supervisor"):
        assert doctor[f"process {process}"]["state"] == "ok"
    assert "socket" not in doctor

    [back] = [one["pid"] for one in told(library, "ps")["processes"] if one["name"] == "back"]
    os.kill(back, signal.SIGSTOP)
    try:
        ended = outgrow(library, "event", "consumers")
        refused = outgrow(library, "event", "list", "loans")
    finally:
        os.kill(back, signal.SIGCONT)

    assert ended.returncode == 1
    assert "catalog.count" in ended.stdout
    assert ended.stderr.startswith("back: did not answer.")
    assert refused.returncode == 1
    assert "'loans' is hosted by no process that answers" in refused.stderr
    assert "These did not answer: back." in refused.stderr


def test_a_process_of_the_topology_without_a_socket_is_named_too(library: Path) -> None:
    (library / ".outgrow" / "run" / "back.sock").unlink()

    ended = outgrow(library, "event", "parked")

    assert ended.returncode == 1
    assert ended.stderr.startswith("back: did not answer.")


def post(address: str, path: str, **body: str) -> Any:
    request = urllib.request.Request(
        f"{address}{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def lend(address: str, reader: str) -> str:
    book_id: str = post(address, "/books", title="Dune")["book_id"]
    post(address, "/loans", book_id=book_id, reader=reader)
    return book_id


def until(ask: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    clock = SystemClock()
    end = clock.monotonic() + 30
    while not is_so(answer := ask()):
        assert clock.monotonic() < end, answer
    return answer


@pytest.mark.long
def test_rows_that_nats_and_other_processes_have_are_deleted_and_no_others(library: Path) -> None:
    running = told(library, "ps")
    pids = {one["name"]: one["pid"] for one in running["processes"]}
    [address] = [o["http"] for o in running["processes"] if o["name"] == running["gateway"]]
    for reader in ("ada", "bob", "cy"):
        lend(address, reader)
    delete = (
        "event",
        "archive",
        "loans",
        "--to",
        "old",
        "--older-than",
        "1ms",
        "--delete",
        "--yes",
    )

    os.kill(pids["front"], signal.SIGSTOP)
    try:
        refused = outgrow(library, *delete)
    finally:
        os.kill(pids["front"], signal.SIGCONT)
    deleted = until(
        lambda: told(library, *delete)["deleted"],
        lambda answer: answer["up_to"] == 2,
    )
    left = [row["position"] for row in told(library, "event", "list", "loans")["rows"]]
    book_id = lend(address, "dee")
    until(
        lambda: json.load(urllib.request.urlopen(f"{address}/books/{book_id}", timeout=20)),
        lambda book: book["times_lent"] == 1,
    )
    restored = outgrow(library, "event", "restore", "loans", "--from", "old")

    assert refused.returncode == 1
    assert "nothing is deleted while processes or services do not answer: " in refused.stderr
    assert "the stream in NATS" in deleted["held_up"]
    assert left[0] == 3  # the event with which the stream ends
    assert restored.returncode == 0, restored.stderr
    assert told(library, "event", "list", "loans", "--after", "0")["rows"][0]["position"] == 1
    assert outgrow(library, "event", "verify", "old").returncode == 0
