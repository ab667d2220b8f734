"""``outgrow store create``: databases and roles on a PostgreSQL server that runs already."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from outgrow.cli.printing import print_json, print_to_stderr
from outgrow.cli.storing.group import FILE, File, Json, State, store
from outgrow.errors import StoreRefused

Services = Annotated[
    list[str] | None, typer.Argument(metavar="[SERVICE]...", help="All services if none is named.")
]


@store.command()
def create(
    services: Services = None,
    *,
    renew: Annotated[
        bool, typer.Option("--renew", help="Give roles that are there new passwords.")
    ] = False,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Make a database and a role for each service, as OUTGROW_POSTGRES_ADMIN_URL may."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.places import ADMIN_URL, Places, create_stores  # noqa: PLC0415

    places = Places.read(file, state, "")
    admin_url = os.environ.get(ADMIN_URL)
    if not admin_url:
        message = (
            "it is not set. Let it be the address of someone who may make roles and databases, "
            "such as postgresql://postgres:PASSWORD@10.0.0.7:5432/postgres."
        )
        raise StoreRefused(ADMIN_URL, message)
    chosen = places.chosen(services or [])
    made = asyncio.run(create_stores(places, chosen, admin_url, is_renewed=renew))
    if json:
        print_json(made)
        return
    for one in made:
        if one.is_new:
            print(f"{one.variable}={one.url}")
        else:
            print_to_stderr(
                f"{one.service}: {one.database} is there already, and its password was shown when "
                "it was made. Another one: --renew"
            )
    if any(one.is_new for one in made):
        print_to_stderr("Passwords are shown this once. Put these lines where the services run.")
