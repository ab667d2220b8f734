"""``outgrow store move`` where a topology runs: who dies afterwards comes back at the new place."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.process.scaffold import write_scaffold
from outgrow.testing.hosts import wait_for

pytestmark = pytest.mark.timeout(120)


class Library:
    """The library of ``outgrow new``, running as its topology divides it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self._address = address

    def outgrow(self, *arguments: str) -> Any:
        ended = subprocess.run(
            [sys.executable, "-m", "outgrow", *arguments, "--json"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def lend(self, reader: str) -> int:
        """Lend a new book; the status of the answer."""
        made, book = self._post("/books", {"title": f"for {reader}"})
        assert made == 200, book
        status, _ = self._post("/loans", {"book_id": book["book_id"], "reader": reader})
        return status

    def _post(self, path: str, body: dict[str, str]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=20)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told

    def process_id(self, name: str) -> int | None:
        processes = self.outgrow("ps")["processes"]
        return next((one["pid"] for one in processes if one["name"] == name), None)

    def positions(self) -> list[int]:
        return [row["position"] for row in self.outgrow("event", "list", "loans")["rows"]]


@pytest.fixture
def library() -> Iterator[Library]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name, "library")
        write_scaffold("library", folder)
        command = [sys.executable, "-m", "outgrow", "run", "split", "--open"]
        with subprocess.Popen(
            [*command, "--http", "127.0.0.1:0"], cwd=folder, stderr=subprocess.PIPE, text=True
        ) as supervisor:
            try:
                yield Library(folder, _address(supervisor))
            finally:
                supervisor.send_signal(signal.SIGINT)
                supervisor.communicate(timeout=60)


def _address(supervisor: subprocess.Popen[str]) -> str:
    """Where it answers, once all is ready."""
    assert supervisor.stderr is not None
    found = ""
    for line in supervisor.stderr:
        message = json.loads(line)["message"]
        if match := re.search(r"http://([\d.]+:\d+) for all", message):
            found = match[1]
        if message == "all ready":
            break
    assert found
    return found


@pytest.mark.long
def test_a_process_that_is_started_again_goes_where_its_store_is(
    library: Library, postgres_url: str
) -> None:
    assert library.lend("ada") == 200
    moved = library.outgrow("store", "move", "loans", "--to", postgres_url)
    assert moved["processes"] == ["back"]
    assert library.lend("bob") == 200

    killed = library.process_id("back")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: library.process_id("back") not in (None, killed), "the process to come back")

    assert library.lend("cy") == 200
    assert library.positions() == [1, 2, 3]
    assert library.outgrow("store", "move", "loans", "--to", "sqlite")["processes"] == ["back"]
    assert library.lend("di") == 200
    assert library.positions() == [1, 2, 3, 4]
