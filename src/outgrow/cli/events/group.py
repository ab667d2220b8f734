"""The group ``outgrow event``, and what its commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from outgrow.cli.desks import at_desk_of, state_of
from outgrow.cli.printing import print_to_stderr
from outgrow.process.control import Operator

CHARACTERS_SHOWN = 60
"""Of a key, in a column."""

event = typer.Typer(
    help="Look at events: what journals hold, who takes it, what is stuck, and who did what.",
    no_args_is_help=True,
)
at_desk = at_desk_of(Operator)
"""Gives a command a desk with an `Operator`."""


def operator_of(file: Path, state: Path | None) -> Operator:
    """Who asks the processes that run on *state*, or beside the topology file."""
    return Operator(state_of(file, state))


def counted(number: int, what: str) -> str:
    """``1 message``, ``2 messages``."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def first_line(value: Any) -> Any:
    """A text without what follows its first line; anything else as it is."""
    return value.partition("\n")[0] if isinstance(value, str) else value


def cut(value: Any) -> Any:
    """A text as far as a column shows it; anything else as it is."""
    is_long = isinstance(value, str) and len(value) > CHARACTERS_SHOWN
    return f"{value[: CHARACTERS_SHOWN - 1]}…" if is_long else value


def end(silent: dict[str, str]) -> None:
    """Say who did not answer; then the status is 1."""
    for process, why in silent.items():
        print_to_stderr(f"{process}: did not answer. {why}")
    if silent:
        raise typer.Exit(1)
