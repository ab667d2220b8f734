"""`import outgrow` is quick, and brings nothing heavy along."""

import subprocess
import sys

HEAVY = {
    "aiohttp", "duckdb", "google.protobuf", "grpc", "httptools", "nats", "nicegui", "opentelemetry",
    "pydantic", "pytest", "rich", "sqlalchemy", "typer", "uvicorn", "uvloop",
}  # fmt: skip
MILLISECONDS_MAX = 150

MEASURE = """
import sys, time
begin = time.perf_counter()
import {module}
print((time.perf_counter() - begin) * 1000)
print(*sys.modules)
"""


def measure(module: str) -> tuple[float, set[str]]:
    """How many milliseconds *module* takes to import in a new process, and what it brings."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    milliseconds, loaded = done.stdout.splitlines()
    return float(milliseconds), set(loaded.split())


def test_importing_outgrow_is_quick() -> None:
    assert min(measure("outgrow")[0] for _ in range(5)) < MILLISECONDS_MAX


def test_importing_outgrow_brings_nothing_heavy() -> None:
    assert not HEAVY & measure("outgrow")[1]


def test_what_is_heavy_would_be_seen() -> None:
    assert "grpc" in HEAVY & measure("grpc")[1]
