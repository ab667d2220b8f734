"""What the replicas of a process say, added up: each knows of its own share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from outgrow.topology import process_of


def added_consumers(answers: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """
    The consumers of all processes, each once, with its process and the replicas that told of it.

    A replica tells of the partitions that it handles: what waits there is added up, and as far
    behind as the last of them is the consumer. One that runs in some replica is not dead, though
    another that is about to be replaced has no code for it.
    """
    told: dict[tuple[str, str, str], list[tuple[str, dict[str, Any]]]] = {}
    for replica, rows in answers.items():
        for row in rows:
            of = (process_of(replica), row["consumer"], row["source"])
            told.setdefault(of, []).append((replica, row))
    return [_added(process, of) for (process, _, _), of in told.items()]


def _added(process: str, told: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    running = [(name, row) for name, row in told if row["state"] == "running"]
    if not running:  # Each of them has read the same rows.
        return {**told[0][1], "process": process, "replicas": [name for name, _ in told]}
    rows = [row for _, row in running]
    sharing = [row for row in rows if row["lag"] is not None] or rows
    lags = [row["lag"] for row in sharing if row["lag"] is not None]
    return {
        **rows[0],
        "position": min(row["position"] for row in sharing),
        "lag": max(lags, default=None),
        "waiting": sum(row["waiting"] for row in rows),
        "parked": sum(row["parked"] for row in rows),
        "process": process,
        "replicas": [name for name, _ in running],
    }


def added_timers(statistics: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """How the timers of each service are doing: all replicas read them, and one at a time fires."""
    told: dict[str, dict[str, Any]] = {}
    for one in statistics:
        before = told.setdefault(one["service"], {**one, "fired": 0})
        before["fired"] += one["fired"]
    return list(told.values())
