"""The program ``outgrow``: its commands, and how errors become exit codes."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from outgrow.cli.check import check
from outgrow.cli.contract import contract
from outgrow.cli.contract_show import show
from outgrow.cli.doctor import doctor
from outgrow.cli.events import event
from outgrow.cli.explain import explain
from outgrow.cli.new import new
from outgrow.cli.printing import print_error
from outgrow.cli.ps import ps
from outgrow.cli.run import run
from outgrow.cli.sagas import saga
from outgrow.cli.storing import store
from outgrow.errors import DefinitionError, OutgrowError

WRONG_PROGRAM = 2
FAILED = 1

application = typer.Typer(
    help="Start as one program. Measure. Split only what has outgrown it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
application.command()(run)
application.command()(ps)
application.command()(check)
application.command()(explain)
application.command()(new)
application.command()(doctor)
application.add_typer(event, name="event")
application.add_typer(saga, name="saga")
application.add_typer(store, name="store")
contract.command()(show)
application.add_typer(contract, name="contract")


def _tell_version(is_asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if is_asked:
        print(f"outgrow {metadata.version('outgrow')}")
        raise typer.Exit


@application.callback()
def outgrow(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Start as one program. Measure. Split only what has outgrown it."""


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    try:
        application()
    except OutgrowError as error:
        print_error(error)
        sys.exit(WRONG_PROGRAM if isinstance(error, DefinitionError) else FAILED)
