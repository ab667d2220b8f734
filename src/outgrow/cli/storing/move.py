"""``outgrow store move``: the data of a service goes to another database."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.cli.storing.group import FILE, File, Json, State, store

if TYPE_CHECKING:
    from outgrow.process.moving import Checked, Moved
    from outgrow.store.moving import Moving

Topology = Annotated[
    str | None,
    typer.Option(help="Where stores are in this topology; the one that runs, if one does."),
]


def _of_moves(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the moves of the application that the usual options name."""
    given = inspect.signature(command, eval_str=True).parameters
    usual = {"topology": (Topology, None), "file": (File, FILE), "state": (State, None)}
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=default, annotation=hint)
        for name, (hint, default) in usual.items()
    ]

    @functools.wraps(command)
    def run(*, topology: str | None, file: Path, state: Path | None, **others: object) -> None:
        # Imported here: other commands start sooner without it.
        from outgrow.process.moving import Moves  # noqa: PLC0415

        command(moves=Moves.read(file, state, topology), **others)

    kept = [parameter for name, parameter in given.items() if name != "moves"]
    run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*kept, *added)}
    return run


@store.command()
@_of_moves
def move(
    service: Annotated[str, typer.Argument(help="The service whose store it is.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", help="Where it goes: a URL, 'postgres' or 'sqlite'.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only try migrations and statements there.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="All is well there: remove the old store.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give up a move that is not finished.")
    ] = False,
    json: Json = False,
    moves: Any,
) -> None:
    """Move a service's store to another database, or go on with a move that was interrupted."""
    if (to is None) is not (confirm or abandon) or check + confirm + abandon > 1:
        message = (
            "Say where it goes, --to URL, --to postgres or --to sqlite, perhaps with --check; or "
            "how the move that is known ends: --confirm or --abandon."
        )
        raise typer.BadParameter(message)
    if to is None:
        _tell_ended(asyncio.run(moves.confirm(service) if confirm else moves.abandon(service)))
    elif check:
        _tell_checked(service, to, asyncio.run(moves.check(service, to)), json=json)
    else:
        with _progress(f"moving {service}") as tell:
            moved = asyncio.run(moves.move(service, to, tell))
        _tell_moved(moved, json=json)


def _tell_ended(moving: Moving) -> None:
    service = moving.service
    if moving.step == "finished":
        print(f"{service}: the move to {moving.target} is confirmed; {moving.source} is removed")
    else:
        print(f"{service}: the move is given up; the store is {moving.source}, as before")


def _tell_checked(service: str, to: str, checked: Checked, *, json: bool) -> None:
    if json:
        print_json(checked._asdict())
    else:
        print(f"{service}: its migrations are accepted by {checked.target}")
        print(f"{checked.statements} statements that tests ran were tried there")
        if not checked.statements:
            print("to have them tried, run the tests with: pytest --outgrow-statements")
        for statement, reason in checked.refused.items():
            print_to_stderr(f"{' '.join(statement.split())}\n    {reason}")
        if checked.refused:
            print_to_stderr("What is understood by both databases: docs/sql.md")
        else:
            print(f"nothing stands in the way: outgrow store move {service} --to {to}")
    if checked.refused:
        raise typer.Exit(1)


def _tell_moved(moved: Moved, *, json: bool) -> None:
    moving = moved.moving
    if json:
        told = msgspec.to_builtins(moving)
        del told["secrets"]
        print_json({**told, "processes": moved.processes, "missed": moved.missed})
    else:
        titles = ["table", "rows", "checksum"]
        print_columns(titles, ((one.name, one.rows, one.checksum) for one in moving.tables))
        rows = sum(one.rows for one in moving.tables)
        print(f"\n{moving.service}: {rows} rows moved to {moving.target}, and compared")
        if moving.pause_seconds is not None:
            print(
                f"units of work waited for {moving.pause_seconds:.2f} s; {moving.rows_ahead} rows "
                "were copied before that"
            )
        for process in moved.processes:
            print(f"process {process} goes on there")
        _tell_next(moved)
    for process, why in moved.missed.items():
        print_to_stderr(f"process {process} did not go on there; start it again. {why}")
    if moved.missed:
        raise typer.Exit(1)


def _tell_next(moved: Moved) -> None:
    """What is left to be done by a person."""
    moving = moved.moving
    service, setting = moving.service, moving.setting
    print("\nBefore the next start, say where it lives now, in outgrow.toml or the environment:")
    print(f"    [{moved.line.section}]\n    {moved.line.text}")
    print(f"    OUTGROW_STORE_{service.upper()}={setting}")
    if setting != moving.secrets[1]:
        print("with the password that you gave, which is not shown here.")
    print(
        f"\nThe old store, {moving.source}, is kept as it was, and nobody writes there. When all "
        f"is well:\n    outgrow store move {service} --confirm\nThe way back:\n"
        f"    outgrow store move {service} --to {moving.old_setting}"
    )


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Shows on a terminal how far it is."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def tell(step: str, done: int, total: int) -> None:
            progress.update(task, description=f"{what}: {step}", completed=done, total=total)

        yield tell
