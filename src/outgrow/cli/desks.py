"""What the commands have in common by which operators ask and decide."""

from __future__ import annotations

import functools
import getpass
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Generic, NamedTuple, TypeVar

import typer

from outgrow.process import STATE_FOLDER

T = TypeVar("T")

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
State = Annotated[
    Path | None, typer.Option("--state", help="Where the processes keep their state.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
FILE = Path("outgrow.toml")


class Desk(NamedTuple, Generic[T]):
    """
    Where an operator decides.

    Attributes:
        operator: Asks the processes.
        is_sure: Whether to do it without asking.
        is_json: Whether the answer is for a program.
    """

    operator: T
    is_sure: bool
    is_json: bool


def at_desk_of(
    operator: Callable[[Path], T],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a `Desk`, with an *operator*, from the options that all decisions have."""

    def mark(command: Callable[..., None]) -> Callable[..., None]:
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
            command(desk=Desk(operator(state_of(file, state)), yes, json), **others)

        kept = [parameter for name, parameter in given.items() if name != "desk"]
        run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (*kept, *added)}
        return run

    return mark


def state_of(file: Path, state: Path | None) -> Path:
    """Where processes keep their state: *state*, or beside the topology file."""
    return state or file.parent / STATE_FOLDER


def who_asks() -> str:
    """The user of the operating system who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
