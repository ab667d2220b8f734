"""The group ``outgrow event``, and what its commands have in common."""

from __future__ import annotations

import functools
import getpass
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from outgrow.cli.printing import print_to_stderr
from outgrow.process import STATE_FOLDER
from outgrow.process.control import Operator

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
State = Annotated[
    Path | None, typer.Option("--state", help="Where the processes keep their state.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
FILE = Path("outgrow.toml")
CHARACTERS_SHOWN = 60
"""Of a key, in a column."""

event = typer.Typer(
    help="Look at events: what journals hold, who takes it, what is stuck, and who did what.",
    no_args_is_help=True,
)


class Desk(NamedTuple):
    """
    Where an operator decides.

    Attributes:
        operator: Asks the processes.
        is_sure: Whether to do it without asking.
        is_json: Whether the answer is for a program.
    """

    operator: Operator
    is_sure: bool
    is_json: bool


def at_desk(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* a `Desk` from the options that all decisions have."""
    given = inspect.signature(command, eval_str=True).parameters
    usual = {
        "yes": (Yes, False),
        "file": (File, FILE),
        "state": (State, None),
        "json": (Json, False),
    }
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=default, annotation=hint)
        for name, (hint, default) in usual.items()
    ]

    @functools.wraps(command)
    def run(*, yes: bool, file: Path, state: Path | None, json: bool, **others: object) -> None:
        command(desk=Desk(operator_of(file, state), yes, json), **others)

    kept = [parameter for name, parameter in given.items() if name != "desk"]
    run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*kept, *added)}
    return run


def operator_of(file: Path, state: Path | None) -> Operator:
    """Who asks the processes that run on *state*, or beside the topology file."""
    return Operator(state or file.parent / STATE_FOLDER)


def who_asks() -> str:
    """The user of the operating system who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


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
