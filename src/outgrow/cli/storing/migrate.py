"""``outgrow store migrate``: tables are brought up to date, and nothing is started."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from outgrow.cli.printing import print_json
from outgrow.cli.storing.create import Services
from outgrow.cli.storing.group import FILE, File, Json, State, store

if TYPE_CHECKING:
    from outgrow.process.places import Migrated, Places


@store.command()
def migrate(
    services: Services = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Apply, see that it works, and take it back.")
    ] = False,
    topology: Annotated[
        str | None,
        typer.Option(help="Where stores are in this topology; the one that runs, if one does."),
    ] = None,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Apply the migrations that the next start would apply, without starting anything."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.places import Places  # noqa: PLC0415

    places = Places.read(file, state, topology)
    done: list[Migrated] = []
    try:
        asyncio.run(_migrate(places, services or [], done, is_trial=dry_run))
    finally:
        if json:
            print_json(done)
        else:
            for one in done:
                print(f"{one.service}: {_told(one, is_trial=dry_run)}")


async def _migrate(
    places: Places, services: list[str], done: list[Migrated], *, is_trial: bool
) -> None:
    from outgrow.process.places import migrate_stores  # noqa: PLC0415

    chosen = places.chosen(services)
    async with aclosing(migrate_stores(places, chosen, is_trial=is_trial)) as migrated:
        async for one in migrated:
            done.append(one)  # noqa: PERF401 - what was done before an error counts


def _told(one: Migrated, *, is_trial: bool) -> str:
    if not one.has_store:
        return "it has no database yet; the first start makes it"
    if not one.brought:
        return "up to date"
    verb = "would apply" if is_trial else "applied"
    return f"{verb} {'; '.join(one.brought)}"


@store.command()
def revision(
    service: Annotated[str, typer.Argument(help="A service with Alembic.")],
    *,
    message: Annotated[str, typer.Option("-m", "--message", help="What it is called.")],
    file: File = FILE,
    state: State = None,
) -> None:
    """Write a revision of Alembic with what the models have and the tables do not."""
    from outgrow.process.places import Places, write_revision  # noqa: PLC0415 - as above

    places = Places.read(file, state, "")
    (name,) = places.chosen([service])
    for path in asyncio.run(write_revision(places, name, message)):
        print(f"written: {path}")
