"""What runs on the state folder already, and what it leaves for us."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from outgrow.errors import ControlError
from outgrow.process.control import ask
from outgrow.process.doctor.observation import Observation, ok, problem, warning
from outgrow.topology import Address, Plan

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 2.0


def look_at_running(state: Path, plan: Plan | None) -> Iterator[Observation]:
    """Look at sockets, locks and processes in *state*, and at the addresses that *plan* needs."""
    sockets = sorted((state / "run").glob("*.sock"))
    addresses: set[str] = set()
    pids: set[int] = set()
    for path in sockets:
        if not _can_connect(socket.AF_UNIX, str(path)):
            yield _left(path)
        elif not path.stem.endswith(".calls"):
            observation, answer = _process(path)
            yield observation
            addresses |= {str(answer.get("http") or "").removeprefix("http://")}
            pids |= {answer.get("pid", 0)}
    if not sockets:
        yield ok("processes", "none runs here")
    yield from _locks(state, pids)
    if plan is not None:
        yield from _addresses(plan, addresses)


def _left(path: Path) -> Observation:
    remedy = f"A process that was killed left it; the next start replaces it. Or: rm {path}"
    return warning("socket", f"nobody answers at {path}", remedy)


def _process(path: Path) -> tuple[Observation, dict[str, Any]]:
    """How the process behind *path* is doing, and what it says of itself."""
    what = f"process {path.stem}"
    try:
        placement = ask(path, "placement", seconds=ANSWER_SECONDS)
        health = ask(path, "health", seconds=ANSWER_SECONDS)
    except ControlError as error:
        remedy = "It listens and does not answer: it hangs or is stopped. Look at its log."
        return problem(what, str(error), remedy), {}
    pid = placement["pid"]
    if health["is_ready"]:
        return ok(what, f"ready, pid {pid}"), placement
    waiting = ", ".join(f"{name}: {why}" for name, why in sorted(health["waiting"].items()))
    remedy = "It starts, stops, or waits for something. Its log says more."
    return warning(what, f"not ready, pid {pid}: {waiting}", remedy), placement


def _locks(state: Path, pids: set[int]) -> Iterator[Observation]:
    """Locks that somebody holds who does not answer."""
    held = _held(Path("/proc/locks"))
    for path in sorted([*(state / "run").glob("*.lock"), *(state / "store").glob("*.lock")]):
        holder = held.get(path.stat().st_ino)
        if holder is not None and not pids:
            remedy = f"Stop it before the next start: kill {holder}"
            message = f"{path} is held by process {holder}, which does not answer here"
            yield warning("lock", message, remedy)


def _held(table: Path) -> dict[int, int]:
    """Who holds a lock, by the file's number; nothing where the system does not tell."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    fields = [line.split() for line in lines if "FLOCK" in line and "->" not in line]
    return {int(one[5].rpartition(":")[2]): int(one[4]) for one in fields}


def _addresses(plan: Plan, ours: set[str]) -> Iterator[Observation]:
    """The addresses where HTTP will be answered, and brokers that should be there."""
    if plan.http is not None:
        yield _http(plan.http, ours)
    for topology in plan.topologies.values():
        if topology.broker != "nats":
            yield _broker(topology.name, topology.broker)


def _http(address: Address, ours: set[str]) -> Observation:
    what = "http"
    if address.port == 0:
        return ok(what, f"{address}: a port is chosen at the start")
    if str(address) in ours:
        return ok(what, f"{address} is answered by this application")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104
    if not _can_connect(socket.AF_INET, (host, address.port)):
        return ok(what, f"{address} is free")
    remedy = "Stop that program, or choose another port: [gateway] http in outgrow.toml, or --http."
    return problem(what, f"another program listens at {address}", remedy)


def _broker(topology: str, url: str) -> Observation:
    parts = urlsplit(url)
    what, where = f"broker of {topology}", f"{parts.hostname}:{parts.port or 4222}"
    if _can_connect(socket.AF_INET, (str(parts.hostname), parts.port or 4222)):
        return ok(what, f"something listens at {where}")
    remedy = f"Start the NATS server, or mend [topology.{topology}] broker."
    return problem(what, f"nothing listens at {where}", remedy)


def _can_connect(family: socket.AddressFamily, address: Any) -> bool:
    try:
        if family == socket.AF_INET:
            socket.create_connection(address, CONNECT_SECONDS).close()
        else:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(CONNECT_SECONDS)
                probe.connect(os.fspath(address))
    except OSError:
        return False
    return True
