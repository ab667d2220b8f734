"""``outgrow store status``: where the data of services lives, and how far it is."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.cli.storing.create import Services
from outgrow.cli.storing.group import FILE, File, Json, State, store

FAILED = 1


@store.command()
def status(
    services: Services = None,
    *,
    topology: Annotated[
        str | None,
        typer.Option(help="Where stores are in this topology; the one that runs, if one does."),
    ] = None,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Show where each store lives, how large it is, and how far; the application may run."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.places import Places, look_at_stores  # noqa: PLC0415

    places = Places.read(file, state, topology)
    standings = asyncio.run(look_at_stores(places, places.chosen(services or [])))
    if json:
        print_json(standings)
    else:
        titles = ["service", "state", "size", "migrations", "journal", "lag", "parked", "version"]
        rows = [
            [
                one.service,
                one.state,
                _size(one.bytes),
                None if one.applied is None else f"{one.applied}{_pending(one.pending)}",
                one.journal_end,
                one.lag,
                one.parked,
                one.version,
                one.server,
                one.place,
            ]
            for one in standings
        ]
        print_columns([*titles, "server", "place"], rows)
    for one in standings:
        if one.message:
            print_to_stderr(f"{one.service}: {one.message}")
    if any(one.state == "refused" for one in standings):
        raise typer.Exit(FAILED)


def _size(number: int | None) -> str | None:
    return None if number is None else f"{number / 1024:,.0f} KiB"


def _pending(number: int | None) -> str:
    return f" (+{number})" if number else ""
