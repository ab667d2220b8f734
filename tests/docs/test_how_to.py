"""The how-to pages, done in the library that the tutorial has built."""

import http.client
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Command, blocks
from tests.docs.shown import masked
from tests.docs.terminal import Terminal
from tests.journal.nats.server import NatsServer

HOW_TO = ROOT / "docs" / "how-to"
SPLIT = "[topology.split]"
ATTEMPTS_MAX = 50


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "page",
    [
        "repeat-a-request-safely",
        "evolve-an-event",
        "say-something-later",
        "stream-results",
        "keep-journals-small",
        "look-inside",
        "test-a-service",
        "inject-faults",
        "write-a-transport",
        "operate-a-split-application",
        "run-replicas",
        "back-up-a-store",
        "use-postgresql",
        "change-a-contract",
        "change-tables",
        "adopt-in-an-existing-code-base",
    ],
)
def test_a_page_does_what_it_shows(library: Terminal, page: str) -> None:
    for block in blocks(HOW_TO / f"{page}.md"):
        library.follow(block)


@pytest.mark.timeout(120)
def test_sagas_are_written_as_shown(lending: Terminal) -> None:
    for block in blocks(HOW_TO / "write-a-saga.md"):
        lending.follow(block)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_nats_of_ones_own_may_come_later(library: Terminal) -> None:
    library.type(Command(place="here:1", text="outgrow run --open", shown=()))  # Handlers begin.
    plan, *_ = [b for b in blocks(HOW_TO / "operate-a-split-application.md") if b.file]
    (folder := library.folder / "own").mkdir()
    server = NatsServer(folder)
    text = plan.text.replace(SPLIT, f"{SPLIT}\nbroker = '{server.url}'")
    (library.folder / "outgrow.toml").write_text(text)
    try:
        printed = library.type(Command(place="here:2", text="outgrow run split --open", shown=()))
        assert f"no NATS server answers at {server.url}" in printed
        assert "loan_id" in library.curl("/loans", '{"book_id": "dune", "reader": "ada"}')
        server.begin()
        heard = (library.curl("/books/dune") for _ in range(ATTEMPTS_MAX))
        assert any('"times_lent":1' in answer for answer in heard)
        library.stop()
    finally:
        server.kill()


def test_services_live_inside_of_another_application(library: Terminal) -> None:
    [block] = [b for b in blocks(HOW_TO / "embed-in-fastapi-or-starlette.md") if b.file]
    library.follow(block)
    folders = [str(library.folder)]
    if importlib.util.find_spec("starlette") is None:
        folders.append(str(Path(__file__).with_name("standins")))
    visitor = Path(__file__).with_name("visitor.py")
    paths = ["/pages/dune", "/pages/faust", "/api/books/emma", "/api/health/ready", "/api/nothing"]

    done = subprocess.run(
        [sys.executable, visitor, *paths],
        cwd=library.folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    own, missing, book, ready, nothing = json.loads(done.stdout)
    assert own == [200, "Dune, lent 0 times"]
    assert missing == [404, "The library has no book 'faust'."]
    assert book == [200, '{"book_id":"emma","title":"Emma","times_lent":0}']
    assert ready[0] == 200
    assert nothing[0] == 404
    assert json.loads(nothing[1])["type"] == "/problems/outgrow.RouteUnknown"


def test_a_line_of_the_log_is_as_shown(library: Terminal) -> None:
    [block] = [b for b in blocks(HOW_TO / "look-inside.md") if b.language == "json"]
    shown = json.loads(block.text)

    lines = log_of_a_visit(library.folder, shown["path"], shown["correlation_id"])

    [line] = [line for line in lines if line.get("correlation_id") == shown["correlation_id"]]
    assert list(line) == list(shown)
    assert masked(line["message"]) == masked(shown["message"])
    for name in ("level", "logger", "method", "path", "route", "status"):
        assert line[name] == shown[name]


def log_of_a_visit(folder: Path, path: str, correlation_id: str) -> list[dict[str, Any]]:
    """What ``outgrow run`` logs where no terminal is, when *path* is asked for once."""
    command = [Path(sysconfig.get_path("scripts"), "outgrow"), "run", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as program:
        try:
            lines = visit(program, path, correlation_id)
            _, rest = program.communicate(timeout=20)
        finally:
            program.kill()
    return lines + [json.loads(line) for line in rest.splitlines()]


def visit(program: subprocess.Popen[str], path: str, correlation_id: str) -> list[dict[str, Any]]:
    """Ask *program* for *path* as soon as it is ready, and tell it to end; what it said so far."""
    assert program.stderr is not None
    lines: list[dict[str, Any]] = []
    for line in program.stderr:
        lines.append(json.loads(line))
        if lines[-1]["message"] == "ready":
            break
    told = " ".join(line["message"] for line in lines)
    address = re.search(r"answering at http://(\S+:\d+),", told)
    assert address is not None, told
    connection = http.client.HTTPConnection(address[1], timeout=10)
    connection.request("GET", path, headers={"x-correlation-id": correlation_id})
    assert connection.getresponse().status == 200
    connection.close()
    program.send_signal(signal.SIGINT)
    return lines
