"""The examination as a whole."""

from __future__ import annotations

from pathlib import Path

from outgrow.errors import DefinitionError
from outgrow.process.application import STATE_FOLDER
from outgrow.process.doctor.databases import look_at_databases
from outgrow.process.doctor.folder import look_at_folder
from outgrow.process.doctor.machine import look_at_machine
from outgrow.process.doctor.observation import Observation, ok, problem, warning
from outgrow.process.doctor.running import look_at_running
from outgrow.process.options import Options
from outgrow.process.seating import SUPERVISOR
from outgrow.topology import SQLITE, Plan, read_topology


def examine(file: Path, state: Path | None) -> list[Observation]:
    """
    Look at everything that the program of *file* needs; nothing is started or changed.

    Args:
        state: Where it keeps stores and sockets; ``.outgrow`` beside the file if None.
    """
    plan, observation = _plan(file)
    topologies = plan.topologies.values() if plan else ()
    needed = {"grpc", "nats"} if topologies else set()
    if plan and any(s != SQLITE for one in (plan, *topologies) for s in one.stores.values()):
        needed.add("postgres")
    names = {SUPERVISOR, Options().process}
    names |= {n for one in topologies for each in one.processes.values() for n in each.names}
    folder = state or file.parent / STATE_FOLDER
    return [
        *look_at_machine(frozenset(needed)),
        observation,
        *look_at_folder(folder, names),
        *look_at_databases(folder, plan),
        *look_at_running(folder, plan),
    ]


def _plan(file: Path) -> tuple[Plan | None, Observation]:
    what = "topology"
    if not file.exists():
        remedy = "Go to its folder, or name it with --file; outgrow new NAME makes a first one."
        return None, warning(what, f"there is no {file}", remedy)
    try:
        plan = read_topology(file)
    except DefinitionError as error:
        count = len(error.findings)
        counted = "1 finding" if count == 1 else f"{count} findings"
        return None, problem(what, f"{file} has {counted}", "See them all: outgrow check")
    named = ", ".join(plan.topologies) or "none"
    counted = f"{len(plan.services)} services, topologies: {named}"
    return plan, ok(what, f"{file}: {counted}")
