"""From the command to the first 200 answer: the shop, in a process of its own, on empty stores."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import alternate

SHOP = Path(__file__).parents[1] / "examples" / "shop" / "outgrow.toml"
SECONDS_MAX = 20.0
GOAL_SECONDS = 1.5
BARE = """
import asyncio, sqlite3, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *_): pass
server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def _started() -> float:
    """Seconds until ``outgrow run`` has answered."""
    state = Path(tempfile.mkdtemp(prefix="outgrow-"))
    command = [sys.executable, "-m", "outgrow", "run", "--file", str(SHOP), "--open"]
    arguments = ["--http", "127.0.0.1:0", "--state", str(state), "--log-level", "info"]
    begun = time.perf_counter()
    with subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "answering at" in line)
            url = line.split("answering at ")[1].split(",")[0]
            seconds = _until_answered(f"{url}/users/nobody/orders", begun)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS_MAX)
    shutil.rmtree(state)
    return seconds


def _bare() -> float:
    """Seconds until a Python that imports the standard library's server has answered."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            return _until_answered(f"http://127.0.0.1:{port}/", begun)
        finally:
            process.kill()


def _until_answered(url: str, begun: float) -> float:
    with urllib.request.urlopen(url, timeout=SECONDS_MAX) as answer:
        assert answer.status == 200
    return time.perf_counter() - begun


def run() -> Iterator[dict[str, Any]]:
    """The figure of a start. Bytecode is cached, as in an installed package."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rounds = alternate(_started, _bare)
    yield rounds.figure(
        "process.start",
        "s",
        of="a bare Python with the standard library's HTTP server",
        goal_seconds=GOAL_SECONDS,
    )
