"""Databases and roles on a server that somebody else looks after."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from outgrow.process.databases import Kept
from outgrow.process.places.finding import Places
from outgrow.store.creating import Administrator, database_name, new_password
from outgrow.topology import variable

ADMIN_URL = "OUTGROW_POSTGRES_ADMIN_URL"
"""The environment variable that holds the administrator's address."""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """
    A database and a role of one service.

    Attributes:
        database: What both are called.
        is_new: Whether the role was made, or its password changed.
        variable: The environment variable that tells the service where its store is.
        url: What it should be, with the password; empty if that was shown before.
    """

    service: str
    database: str
    is_new: bool
    variable: str
    url: str = ""


async def create_stores(
    places: Places, services: Sequence[str], admin_url: str, *, is_renewed: bool = False
) -> list[Created]:
    """
    Give each of *services* a database and a role of its own on the server at *admin_url*.

    What is there stays as it is. What is made is kept for this machine too, where only its user
    reads it, so that the server's address alone is enough in ``outgrow.toml``.

    Args:
        is_renewed: Whether roles that are there get new passwords.

    Raises:
        StoreRefused: Something of that name is somebody else's, or the administrator may not.
        StoreUnreachable: The server does not answer.
    """
    application = places.plan.application
    made: list[Created] = []
    kept = Kept.read(places.state)
    async with Administrator(admin_url) as administrator:
        for service in services:
            name, password = database_name(application, service), new_password()
            is_new = await administrator.provide(
                application, service, password, is_renewed=is_renewed
            )
            url = _address(admin_url, name, password) if is_new else ""
            if is_new:
                kept.created[service] = url
                kept.write(places.state)  # At once: nobody else knows the password.
            made.append(
                Created(
                    service=service,
                    database=name,
                    is_new=is_new,
                    variable=variable(service),
                    url=url,
                )
            )
    return made


def _address(admin_url: str, name: str, password: str) -> str:
    """The server of *admin_url*, for the role and the database *name*."""
    parts = urlsplit(admin_url)
    hosts = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{quote(password)}@{hosts}"
    return urlunsplit(parts._replace(scheme="postgresql", netloc=netloc, path=f"/{quote(name)}"))
