"""Where the stores of services live, as ``outgrow.toml`` and the environment say."""

from __future__ import annotations

import os
import re
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from outgrow.topology.page import Page, nearest

SQLITE: Final = "sqlite"
"""A file of its own for each service, below the state folder."""

POSTGRES: Final = "postgres"
"""A database of its own for each service, in the server that is started with the application."""

EVERY_OTHER: Final = "*"
PORT_DEFAULT: Final = 5432

_KNOWN: Final = (
    'Write "sqlite", "postgres" for a server that is started with the application, or the URL of '
    'one that runs, such as "postgresql://10.0.0.7:5432".'
)
_REMEDY: Final = f'{_KNOWN} By service: {{ orders = "postgres", "*" = "sqlite" }}.'
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def variable(service: str) -> str:
    """The environment variable that says where the store of *service* lives, and wins."""
    return f"OUTGROW_STORE_{service}".upper()


def shown(place: str) -> str:
    """*place* of a store, without the password that may stand in it."""
    place = re.sub(r"(?<=://)([^/?#@:]*):[^/?#@]*@", r"\1@", place)
    place = re.sub(r"(?<=[?&])password=[^&#]*&?", "", place)
    return place.rstrip("?&")


def fault_of(place: str) -> str:
    """Why a store cannot be at *place*, and what would be right; empty if it can."""
    fault = _fault(place)
    return "" if fault is None else f"{fault} {_KNOWN}"


class StoreReader:
    """Reads where stores live; what is wrong is added to the findings of the page."""

    def __init__(self, page: Page, services: list[str]) -> None:
        self._page = page
        self._services = services
        self._overridden = self._read_environment()

    def read(self, section: str, value: Any, default: dict[str, str]) -> dict[str, str]:
        """
        Where each service's store lives.

        Args:
            section: Where *value* stands, under the key ``store``.
            value: A text for all services, or a table by service; None if nothing is said.
            default: Where those live of which nothing is said.
        """
        stores = default
        line = self._page.line(section, "store")
        if isinstance(value, dict):
            stores = default | self._read_table(section, value, line)
        elif value is not None and self._check(value, line):
            stores = dict.fromkeys(self._services, value)
        stores = stores | self._overridden
        if value is not None:
            self._check_own(stores, line)
        return stores

    def _read_table(self, section: str, table: dict[str, Any], line: int) -> dict[str, str]:
        inside = f"{section}.store"
        good: dict[str, str] = {}
        for name, value in table.items():
            at = max(line, self._page.line(inside, name))
            if name not in self._services and name != EVERY_OTHER:
                text = f"a store of {name!r}, which is no service of this application."
                self._page.find(at, text, nearest(name, self._services), "unknown-service")
            elif self._check(value, at):
                good[name] = value
        if EVERY_OTHER in good:
            other = good.pop(EVERY_OTHER)
            good = dict.fromkeys(self._services, other) | good
        return good

    def _read_environment(self) -> dict[str, str]:
        """What the environment says, by service."""
        places = {service: os.environ.get(variable(service)) for service in self._services}
        good: dict[str, str] = {}
        for service, place in places.items():
            if place is None:
                continue
            if fault := _fault(place):
                self._page.find_at(variable(service), fault, _REMEDY, "store-unknown")
            else:
                good[service] = place
        return good

    def _check(self, value: Any, line: int) -> bool:
        if not isinstance(value, str):
            text = f"a store is {value!r}."
            self._page.find(line, text, "It should be a text in quotes.", "wrong-type")
            return False
        if fault := _fault(value):
            self._page.find(line, fault, _REMEDY, "store-unknown")
            return False
        return True

    def _check_own(self, stores: dict[str, str], line: int) -> None:
        """Find services that were given one database, or one role, together."""
        by_place: dict[str, list[str]] = {}
        for service, place in stores.items():
            if place not in (SQLITE, POSTGRES) and names_its_own(place):
                by_place.setdefault(place, []).append(service)
        for place, services in by_place.items():
            if len(services) > 1:
                told = " and ".join(repr(service) for service in services)
                text = f"services {told} share {shown(place)!r}."
                remedy = (
                    "A service owns its data: name the server alone, and each has a database and a "
                    "role of its own there. Or give each a URL of its own."
                )
                self._page.find(line, text, remedy, "store-shared")


def names_its_own(url: str) -> bool:
    """Whether *url* names a role or a database, and not a server alone."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    named = parts.path.strip("/") or asked.get("user") or asked.get("dbname")
    return "@" in parts.netloc or bool(named) or bool(asked.get("database"))


def _fault(place: str) -> str | None:
    """What is wrong with *place*; None if nothing is."""
    told = f"store is {shown(place)!r}"
    try:
        parts = urlsplit(place)
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError as error:
        return f"{told}: {error}."
    if place in (SQLITE, POSTGRES):
        return None
    return _fault_in(parts, asked, told)


def _fault_in(parts: SplitResult, asked: dict[str, list[str]], told: str) -> str | None:
    """What is wrong with the *parts* of a URL; None if nothing is."""
    if parts.scheme not in ("postgresql", "postgres"):
        return f"{told}."
    hosts = [host for host in parts.netloc.rpartition("@")[2].split(",") if host]
    if not hosts and "host" not in asked:
        return f"{told}, which names no host."
    if wrong := [host for host in hosts if not _is_host(host)]:
        return f"{told}, and {wrong[0]!r} is no host and port."
    if parts.fragment or parts.path.count("/") > 1:
        return f"{told}; what follows the host is one database."
    return None


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and 0 < int((match[2] or f":{PORT_DEFAULT}")[1:]) < 65536
