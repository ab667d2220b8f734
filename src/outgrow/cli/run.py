"""``outgrow run``: the whole application in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outgrow.clock import ManualClock, SystemClock
from outgrow.process import Options, run_process
from outgrow.telemetry import configure_logs
from outgrow.topology import read_topology


def run(
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    *,
    open_: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Let everyone in, without a name and with all permissions. Loopback only.",
        ),
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(help="Answer HTTP here instead of where the file says. Port 0 is chosen."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Keep stores and sockets here instead of in .outgrow beside the file."),
    ] = None,
    test_mode: Annotated[
        bool,
        typer.Option(
            "--test-mode",
            help="Let the control channel move the clock, which stands still, and arm crashes.",
            hidden=True,
        ),
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run all services in this process, until Ctrl-C."""
    configure_logs(level=log_level.upper())
    plan = read_topology(file, http=http)
    clock = ManualClock() if test_mode else SystemClock()
    run_process(plan, Options(is_open=open_, state=state, clock=clock, is_test=test_mode))
