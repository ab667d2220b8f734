"""The demo as anyone would run it, in one process and in several."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
SECONDS_MAX = 100
LAST_LINE = re.compile(
    r"\d+ orders sent, \d+ requests repeated, \d+ accepted, \d+ refused \(.+\); "
    r"\d+ confirmed, \d+ cancelled; \d+ parcels, \d+ events, \d+ letters; "
    r"p50 [\d.]+ ms, p99 [\d.]+ ms; sums agree"
)
SERVICES = ["USERS", "ORDERS", "STOCK", "PAYMENTS", "SHIPPING", "NOTIFICATIONS"]
PROCESSES = {
    "": "It runs as one process.",
    "split": "It runs as 2 processes and NATS: "
    "front (users, orders), back (stock, payments, shipping, notifications).",
}


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def left_running(folder: str) -> list[str]:
    """The command lines of processes that speak of *folder*."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # It has ended meanwhile.
        if folder in line:
            found.append(line)
    return found


@pytest.mark.timeout(SECONDS_MAX + 20)
@pytest.mark.parametrize(
    ("topology", "store"),
    [
        ("", "sqlite"),
        ("split", "postgres"),
        pytest.param("", "postgres", marks=pytest.mark.long),
        pytest.param("split", "sqlite", marks=pytest.mark.long),
    ],
)
def test_sums_agree_and_nothing_is_left_running(topology: str, store: str) -> None:
    stores = {f"OUTGROW_STORE_{service}": store for service in SERVICES}
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "demo", "--seconds", "2", "--http", free_address()]
            + (["--topology", topology] if topology else []),
            cwd=FOLDER,
            env={**os.environ, **stores, "TMPDIR": folder, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        left = left_running(folder)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert LAST_LINE.fullmatch(lines[-1]), done.stdout
    assert PROCESSES[topology] in lines
    assert left == []


def test_make_hands_the_topology_to_the_demo() -> None:
    done = subprocess.run(
        [  # noqa: S607 - whichever make there is
            "make",
            "--dry-run",
            "demo",
            "TOPOLOGY=split",
            "SECONDS=20",
        ],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=True,
    )

    assert '-m examples.shop.demo --seconds 20 --topology "split"' in done.stdout
