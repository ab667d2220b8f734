"""``outgrow store backup`` and ``outgrow store restore``: a copy of a store, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outgrow.cli.printing import print_json, print_to_stderr
from outgrow.cli.storing.group import FILE, File, Json, State, store

if TYPE_CHECKING:
    from outgrow.process.backups import Restored

Service = Annotated[str, typer.Argument(help="The service whose store it is.")]

Topology = Annotated[
    str | None,
    typer.Option(help="Where stores are in this topology; the one that runs, if one does."),
]


@store.command()
def backup(
    service: Service,
    *,
    to: Annotated[Path, typer.Option("--to", help="A file that does not exist yet.")],
    topology: Topology = None,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Copy a service's store as it is now, while the application runs or not."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.backups import Stores  # noqa: PLC0415
    from outgrow.process.places import Places  # noqa: PLC0415

    stores = Stores(Places.read(file, state, topology))
    with _progress(f"backing up {service}") as tell:
        made = asyncio.run(stores.back_up(service, to, tell))
    if json:
        print_json(made)
        return
    print(
        f"{service}: backed up to {to}, {made.bytes:,} bytes, "
        f"with its journal up to position {made.journal_position}"
    )


@store.command()
def restore(
    service: Service,
    *,
    from_: Annotated[Path, typer.Option("--from", help="What 'outgrow store backup' made.")],
    topology: Topology = None,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of a service's store, which nobody may have open."""
    from outgrow.process.backups import Stores  # noqa: PLC0415
    from outgrow.process.places import Places  # noqa: PLC0415

    restored = asyncio.run(Stores(Places.read(file, state, topology)).restore(service, from_))
    if json:
        print_json({**restored._asdict(), "ahead": [one._asdict() for one in restored.ahead]})
        return
    made_at = restored.backup.made_at.isoformat(sep=" ", timespec="seconds")
    print(f"{service}: restored from {from_}, as it was at {made_at}")
    if restored.aside is not None:
        print(f"what was there is kept: {restored.aside}")
    _warn(service, restored)


def _warn(service: str, restored: Restored) -> None:
    """Say who has heard events that did not happen any more."""
    end = restored.backup.journal_position
    for one in restored.ahead:
        print_to_stderr(
            f"{one.consumer} has taken events of {service} up to position {one.position}; the "
            f"backup ends at {end}. What it did because of the later ones stays done."
        )
    for other, why in restored.unknown.items():
        print_to_stderr(f"{other}: could not be asked what it has heard of {service}. {why}")
    if restored.ahead or restored.unknown:
        print_to_stderr("What this means: docs/explanation/backups.md")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Shows on a terminal how far it is."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
