"""
What 100,000 sleeping sagas cost: the start, memory, and how late those are that wake beside them.

Each figure is of a process of its own, on SQLite; the ratio is to the same without them. The rows
are copies of those of one saga that fell asleep in truth. Late is what passes between the moment
until which a saga slept and the line behind ``run.sleep``.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SLEEPING = 100_000
NAPS, NAP_SECONDS = 500, 10.0
BURST = 2_000
GOALS = {"start_seconds": 1.0, "memory_mib": 20.0, "late_p99_ms": 250.0}


def _told(count: int, naps: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as state:
        arguments = [state, str(count), str(naps), str(seconds)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sides.sleeping", *arguments],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]


def run() -> Iterator[dict[str, Any]]:
    """The figures of sagas that sleep."""
    without, beside = _told(0, NAPS, NAP_SECONDS), _told(SLEEPING, NAPS, NAP_SECONDS)
    yield {
        "name": "sagas.sleeping.start",
        "value": round(beside["start_seconds"], 3),
        "unit": "s",
        "without": round(without["start_seconds"], 3),
        "goal": GOALS["start_seconds"],
        "met": beside["start_seconds"] <= GOALS["start_seconds"],
    }
    grown = [
        (told["memory_bytes"] - told["memory_before_bytes"]) / 2**20 for told in (beside, without)
    ]
    yield {
        "name": "sagas.sleeping.memory",
        "value": round(grown[0], 1),
        "unit": "MiB more after the start",
        "without": round(grown[1], 1),
        "goal": GOALS["memory_mib"],
        "met": grown[0] <= GOALS["memory_mib"],
    }
    late, late_without = (
        [round(s * 1000, 1) for s in t["late_seconds"]] for t in (beside, without)
    )
    yield {
        "name": "sagas.sleeping.late",
        "value": late[1],
        "unit": f"ms, p99 of {NAPS} that wake over {NAP_SECONDS:g} s",
        "p50": late[0],
        "most": late[2],
        "without": late_without,
        "goal": GOALS["late_p99_ms"],
        "met": late[1] <= GOALS["late_p99_ms"],
    }
    burst = _told(SLEEPING, BURST, 0.001)
    yield {
        "name": "sagas.sleeping.burst",
        "value": round(BURST / burst["seconds"]),
        "unit": f"sagas/s, of {BURST} that wake in one moment",
    }
