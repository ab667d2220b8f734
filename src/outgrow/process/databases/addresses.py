"""The whole address of a service's database, from what is configured and what is kept."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from outgrow.process.databases.kept import Kept
from outgrow.store.creating import database_name


def whole_address(place: str, application: str, service: str, kept: Kept) -> str:
    """
    *place*, a URL, with the role and the database of *service* if it names none.

    The password that ``outgrow store create`` has kept is added if the server is the same; without
    one, the usual places of PostgreSQL's programs hold (``PGPASSFILE``, ``PGPASSWORD``).
    """
    parts = urlsplit(place)
    asked = parse_qs(parts.query)
    name = database_name(application, service)
    created = kept.created.get(service)
    has_role = "@" in parts.netloc or "user" in asked
    has_database = bool(parts.path.strip("/")) or "dbname" in asked or "database" in asked
    if not has_role and created is not None and is_same_server(created, place):
        login = urlsplit(created).netloc.rpartition("@")[0]
        parts = parts._replace(netloc=f"{login}@{parts.netloc}")
    elif not has_role:
        parts = parts._replace(netloc=f"{quote(name)}@{parts.netloc}")
    if not has_database:
        parts = parts._replace(path=f"/{quote(name)}")
    return urlunsplit(parts)


def is_same_server(first: str, second: str) -> bool:
    """Whether two URLs name the same hosts and ports."""
    return _hosts(first) == _hosts(second)


def _hosts(url: str) -> tuple[list[str], list[str]]:
    parts = urlsplit(url)
    hosts = [
        host if host.rpartition(":")[2].isdigit() and not host.endswith("]") else f"{host}:5432"
        for host in parts.netloc.rpartition("@")[2].split(",")
        if host
    ]
    return hosts, parse_qs(parts.query).get("host", [])
