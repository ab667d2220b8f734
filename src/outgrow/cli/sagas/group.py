"""The group ``outgrow saga``, and what its commands have in common."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outgrow.cli.desks import at_desk_of
from outgrow.cli.printing import print_json
from outgrow.process.control import SagaOperator

Id = Annotated[str, typer.Argument(help="The saga's id, as 'list' names it.")]
Reason = Annotated[str, typer.Option(help="Why; kept with who asked, in the journal.")]

saga = typer.Typer(
    help="Look at sagas: how they stand, and what becomes of those that are stuck.",
    no_args_is_help=True,
)
at_desk = at_desk_of(SagaOperator)
"""Gives a command a desk with a `SagaOperator`."""


def print_decided(told: dict[str, Any], what: str, *, is_json: bool) -> None:
    """Say what was decided, and how the saga stands."""
    if is_json:
        print_json(told)
        return
    step = "" if told["step"] is None else f", at step {told['step']}"
    print(f"{told['id']}: {what} in process {told['process']}; it is {told['state']}{step}")
