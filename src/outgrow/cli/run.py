"""``outgrow run``: the application in this process, or a topology in several."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from outgrow.clock import ManualClock, SystemClock
from outgrow.errors import DefinitionError, OutgrowError
from outgrow.process import SUPERVISOR, Options, run_seat, run_together, take_inherited
from outgrow.telemetry import configure_logs
from outgrow.topology import read_topology

logger = logging.getLogger("outgrow.cli")

FAILED = 1
WRONG_PROGRAM = 2


def run(
    topology: Annotated[
        str | None,
        typer.Argument(
            help="A topology of the file, run as several processes.", metavar="TOPOLOGY"
        ),
    ] = None,
    *,
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    open_: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Let everyone in, without a name and with all permissions. Loopback only.",
        ),
    ] = False,
    plaintext: Annotated[
        bool,
        typer.Option(
            "--plaintext",
            help="Let the processes of a topology call each other without certificates.",
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
    abandon: Annotated[
        bool,
        typer.Option(
            "--abandon",
            help="Start without the code of sagas that are under way. They are left stuck.",
        ),
    ] = False,
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
    """Run all services, until Ctrl-C: in this process, or as the topology divides them."""
    clock = ManualClock() if test_mode else SystemClock()
    options = Options(
        is_open=open_,
        state=state,
        clock=clock,
        is_plaintext=plaintext,
        is_abandoning=abandon,
        is_test=test_mode,
    )
    if topology is None:
        if plaintext:
            message = "--plaintext is for a topology: one process calls nobody. Leave it out."
            raise typer.BadParameter(message)
        configure_logs(level=log_level.upper())
        run_together(read_topology(file, http=http), options)
    elif "/" in topology:
        # What a supervisor starts; by hand it is for those who look for a fault.
        _run_seat(file, topology, options, log_level.upper())
    else:
        _run_topology(file, topology, options, log_level, http)


def _run_topology(
    file: Path, name: str, options: Options, log_level: str, http: str | None
) -> None:
    # Imported here: a process that is supervised needs none of it.
    from outgrow.process.supervision import find_topology, run_topology  # noqa: PLC0415

    configure_logs(level=log_level.upper(), process=SUPERVISOR)
    plan = read_topology(file, http=http)
    told = ["--file", str(plan.file), "--log-level", log_level]
    if options.state is not None:
        told += ["--state", str(options.state.resolve())]
    told += ["--open"] * options.is_open + ["--test-mode"] * options.is_test
    told += ["--abandon"] * options.is_abandoning
    if not run_topology(plan, find_topology(plan, name), options, told):
        raise typer.Exit(FAILED)


def _run_seat(file: Path, seat: str, options: Options, log_level: str) -> None:
    topology, _, process = seat.partition("/")
    inherited = take_inherited()
    is_terminal = None if inherited is None else inherited.is_terminal
    configure_logs(level=log_level, process=process, is_terminal=is_terminal)
    try:
        run_seat(read_topology(file), topology, process, options, inherited)
    except OutgrowError as error:
        if inherited is None:
            raise
        inherited.say_failed(error)
        raise typer.Exit(WRONG_PROGRAM if isinstance(error, DefinitionError) else FAILED) from error
    except Exception as error:
        logger.critical("the process ends", exc_info=error)
        raise typer.Exit(FAILED) from error
