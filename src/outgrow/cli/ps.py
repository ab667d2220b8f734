"""``outgrow ps``: what runs here, together or as a topology divides it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.errors import ControlError
from outgrow.process import STATE_FOLDER, SUPERVISOR
from outgrow.process.apart import PLAINTEXT_TOLD
from outgrow.process.control import ask

TOGETHER = "main"
ANSWER_SECONDS = 5.0


def ps(
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    *,
    state: Annotated[
        Path | None, typer.Option(help="Where the application keeps its stores and sockets.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the processes that run: what they host, where they answer, whether they are ready."""
    run = (state or file.parent / STATE_FOLDER) / "run"
    told = _divided(run) or _together(run)
    if told is None:
        message = (
            f"{run}: nothing runs here. Start it with 'outgrow run', or name the folder where it "
            "keeps its state: --state DIR."
        )
        raise ControlError(message)
    if json:
        print_json(told)
        return
    titles = ["process", "pid", "ready", "restarts", "renewed", "since", "http", "services"]
    print_columns(titles, (_row(process) for process in told["processes"]))
    if told["is_plaintext"]:
        print_to_stderr(PLAINTEXT_TOLD)
    for process in told["processes"]:
        for name, reason in sorted(process["waiting"].items()):
            what = process["name"] if name == "application" else f"{process['name']}, {name}"
            typer.echo(f"{what}: {reason}")


def _divided(run: Path) -> dict[str, Any] | None:
    """What the supervisor of a topology says; None if none runs."""
    path = run / f"{SUPERVISOR}.sock"
    try:
        placement = ask(path, "placement", seconds=ANSWER_SECONDS)
        return {**placement, "processes": ask(path, "processes", seconds=ANSWER_SECONDS)}
    except ControlError:
        return None


def _together(run: Path) -> dict[str, Any] | None:
    """What the one process says that hosts everything; None if it does not run."""
    path = run / f"{TOGETHER}.sock"
    try:
        placement = ask(path, "placement", seconds=ANSWER_SECONDS)
        health = ask(path, "health", seconds=ANSWER_SECONDS)
    except ControlError:
        return None
    process = {
        "name": placement["process"],
        "process": placement["process"],
        "pid": placement["pid"],
        "services": list(placement["services"]),
        "http": placement["http"],
        "calls": None,
        "is_ready": health["is_ready"],
        "waiting": health["waiting"],
        "restarts": 0,
        "renewed": 0,
        "since": placement["since"],
    }
    return {
        "topology": None,
        "gateway": placement["process"],
        "pid": placement["pid"],
        "is_plaintext": False,
        "processes": [process],
    }


def _row(process: dict[str, Any]) -> list[Any]:
    since = process["since"] and datetime.fromisoformat(process["since"])
    return [
        process["name"],
        process["pid"],
        "yes" if process["is_ready"] else "no",
        str(process["restarts"]),
        str(process["renewed"]),
        since and f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        process["http"],
        ", ".join(process["services"]),
    ]
