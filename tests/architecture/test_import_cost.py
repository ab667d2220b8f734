"""`import outgrow` is quick, and brings nothing heavy along."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "aiohttp", "cryptography", "duckdb", "google.protobuf", "grpc", "httptools", "nats", "nicegui",
    "opentelemetry", "pydantic", "pytest", "rich", "sqlalchemy", "typer", "uvicorn", "uvloop",
}  # fmt: skip
RATIO_MAX = 2.5
BASELINE = "annotated_types, asyncio, inspect, logging, msgspec, sqlite3, typing_extensions"
"""What outgrow cannot do without."""

MEASURE = """
import sys, time
begin = time.perf_counter()
import {module}
print((time.perf_counter() - begin) * 1000)
print(*sys.modules)
"""


def measure(module: str, bytecode: Path) -> tuple[float, set[str]]:
    """
    How many milliseconds *module* takes to import in a new process, and what it brings.

    Like an installed package it is compiled only once, whatever this machine is set to.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(module=module)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    milliseconds, loaded = done.stdout.splitlines()
    return float(milliseconds), set(loaded.split())


def test_importing_outgrow_takes_little_more_than_what_it_needs(tmp_path: Path) -> None:
    rounds = [(measure("outgrow", tmp_path)[0], measure(BASELINE, tmp_path)[0]) for _ in range(6)]

    assert min(ours / needed for ours, needed in rounds[1:]) < RATIO_MAX


def test_importing_outgrow_brings_nothing_heavy(tmp_path: Path) -> None:
    assert not HEAVY & measure("outgrow", tmp_path)[1]


def test_what_is_heavy_would_be_seen(tmp_path: Path) -> None:
    assert "grpc" in HEAVY & measure("grpc", tmp_path)[1]
