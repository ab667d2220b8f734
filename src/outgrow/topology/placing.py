"""Read the topologies of ``outgrow.toml``: which service lives in which process."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from outgrow.topology.page import NAME, Page, nearest
from outgrow.topology.plan import (
    ENVIRONMENT,
    NATS,
    REPLICAS_MAX,
    STATIC,
    WEIGHT_DEFAULT,
    WEIGHT_MAX,
    Address,
    Placement,
    Topology,
)
from outgrow.topology.stores import StoreReader

DIRECTORIES = (NATS, STATIC)
EVERY_OTHER = "*"
RESERVED = ("nats", "outside", "postgres", "supervisor")
"""Names of what runs beside the processes."""

_TEXT, _LIST, _NUMBER, _SECTION = "a text in quotes", "a list", "a whole number", "a section"
_STORE = "a text in quotes or a table"
_NUMBERS = "a whole number, or a list of them"
_TYPES: dict[str, type | tuple[type, ...]] = {
    _TEXT: str,
    _LIST: list,
    _NUMBER: int,
    _SECTION: dict,
    _STORE: (str, dict),
    _NUMBERS: (int, list),
}
_TOPOLOGY = {
    "broker": _TEXT,
    "store": _STORE,
    "gateway": _TEXT,
    "discovery": _TEXT,
    "environment": _TEXT,
}
_PROCESS = {"services": _LIST, "http": _TEXT, "replicas": _NUMBER, "weight": _NUMBERS}


def read_topologies(
    page: Page, tables: Any, stores: dict[str, str], reader: StoreReader, *, has_edge: bool
) -> dict[str, Topology]:
    """
    The topologies by name; what is wrong with them is added to the findings of *page*.

    Args:
        tables: What stands in ``[topology]``.
        stores: Where each service's store lives, if a topology says nothing of it.
        reader: Reads what it says.
        has_edge: Whether the file says where the application answers HTTP.
    """
    if not isinstance(tables, dict):
        return {}
    topologies = {}
    for name, table in tables.items():
        one = _Topology(page, name, stores, reader, has_edge=has_edge)
        if not isinstance(table, dict):
            remedy = f"Write it as a section: [topology.{name}]."
            page.find(page.line("topology", name), f"{name!r} is no section.", remedy, "wrong-type")
        elif _is_name(page, "topology", name, page.line(f"topology.{name}")):
            topologies[name] = one.read(table)
    return topologies


def _is_name(page: Page, kind: str, name: str, line: int) -> bool:
    if NAME.fullmatch(name) and not (kind == "process" and name in RESERVED):
        return True
    message = f"a {kind} is called {name!r}."
    remedy = "Small letters, digits and underscores, at most 63, the first one a letter."
    if name in RESERVED:
        remedy = "What runs beside the processes is called so. Choose another name."
    page.find(line, message, remedy, f"{kind}-name")
    return False


class _Topology:
    """Reads one topology."""

    def __init__(
        self,
        page: Page,
        name: str,
        stores: dict[str, str],
        reader: StoreReader,
        *,
        has_edge: bool,
    ) -> None:
        self._page = page
        self._name = name
        self._section = f"topology.{name}"
        self._services = list(stores)
        self._stores = stores
        self._reader = reader
        self._has_edge = has_edge
        self._placed: dict[str, str] = {}

    def read(self, table: dict[str, Any]) -> Topology:
        """The topology that *table* says; wrong parts are left out of it."""
        self._check(self._section, table, {**_TOPOLOGY, "process": _SECTION})
        self._check_choices(table)
        tables = self._process_tables(table.get("process", {}))
        gateway = self._gateway(table, tables)
        self._place_all(tables)
        stores = self._reader.read(self._section, table.get("store"), self._stores)
        processes = {
            name: Placement(
                name=name,
                services=tuple(s for s in self._services if self._placed.get(s) == name),
                http=self._http(name, one, is_gateway=name == gateway),
                weights=self._weights(name, one, self._replicas(name, one)),
            )
            for name, one in tables.items()
        }
        return Topology(
            name=self._name,
            broker=table.get("broker", NATS),
            gateway=gateway,
            processes=processes,
            environment=table.get("environment", ENVIRONMENT),
            stores=stores,
            discovery=table.get("discovery", NATS),
        )

    def _find(self, section: str, key: str, message: str, remedy: str, slug: str) -> None:
        self._page.find(self._page.line(section, key), message, remedy, slug)

    def _check(self, section: str, table: dict[str, Any], known: dict[str, str]) -> None:
        """Find unknown keys and wrong types, and leave them out of *table*."""
        for key in list(table):
            if key not in known:
                message = f"unknown key {key!r} in [{section}]."
                self._find(section, key, message, nearest(key, known), "unknown-key")
            elif isinstance(table[key], bool) or not isinstance(table[key], _TYPES[known[key]]):
                remedy = f"It should be {known[key]}."
                self._find(section, key, f"{key!r} is {table[key]!r}.", remedy, "wrong-type")
            else:
                continue
            del table[key]

    def _check_choices(self, table: dict[str, Any]) -> None:
        discovery = table.get("discovery", NATS)
        if discovery not in DIRECTORIES:
            remedy = (
                'Write discovery = "nats", which is so if it is left out: processes are found by '
                'the NATS server of the topology. Or "static": by what the supervisor writes down.'
            )
            message = f"discovery is {discovery!r}."
            self._find(self._section, "discovery", message, remedy, "discovery-unknown")
        broker = table.get("broker", NATS)
        if broker != NATS and not _is_nats_url(broker):
            remedy = (
                'Write broker = "nats" for one that is started with the processes, or the URL of '
                'one that runs, such as "nats://10.0.0.7:4222".'
            )
            message = f"broker is {_shown(broker)!r}."
            self._find(self._section, "broker", message, remedy, "broker-url")
        environment = table.get("environment", ENVIRONMENT)
        if not NAME.fullmatch(environment):
            message = f"environment is {environment!r}."
            remedy = "Small letters, digits and underscores, at most 63, the first one a letter."
            self._find(self._section, "environment", message, remedy, "environment-name")

    def _process_tables(self, tables: dict[str, Any]) -> dict[str, dict[str, Any]]:
        good: dict[str, dict[str, Any]] = {}
        for name, table in tables.items():
            section = f"{self._section}.process.{name}"
            if not isinstance(table, dict):
                remedy = f"Write it as a section: [{section}]."
                message = f"process {name!r} is no section."
                self._find(f"{self._section}.process", name, message, remedy, "wrong-type")
            elif _is_name(self._page, "process", name, self._page.line(section)):
                self._check(section, table, _PROCESS)
                good[name] = table
        if not tables:
            remedy = f"Write [{self._section}.process.NAME] with services = [...] for each process."
            message = f"topology {self._name!r} has no process."
            self._find(self._section, "", message, remedy, "no-processes")
        return good

    def _replicas(self, name: str, table: dict[str, Any]) -> int:
        section = f"{self._section}.process.{name}"
        replicas: int = table.get("replicas", 1)
        if 1 <= replicas <= REPLICAS_MAX:
            return replicas
        remedy = (
            f"Write a number from 1 to {REPLICAS_MAX}, or leave it out for one process. To use "
            "more processors than that, give its services processes of their own."
        )
        self._find(section, "replicas", f"replicas is {replicas}.", remedy, "replicas")
        return 1

    def _weights(self, name: str, table: dict[str, Any], replicas: int) -> tuple[int, ...]:
        weight = table.get("weight", WEIGHT_DEFAULT)
        weights = tuple(weight) if isinstance(weight, list) else (weight,) * replicas
        if (
            len(weights) == replicas
            and all(type(one) is int and 0 <= one <= WEIGHT_MAX for one in weights)
            and any(weights)
        ):
            return weights
        if isinstance(weight, list) and replicas != table.get("replicas", replicas):
            return (WEIGHT_DEFAULT,) * replicas  # How many there are is wrong, and was said.
        remedy = (
            f"Write a number from 1 to {WEIGHT_MAX} for all replicas, or a list with one for each "
            "of them; one that has 0 is not called, and at least one has more."
        )
        told = f"weight of process {name!r} is {weight!r}, for {replicas} of it."
        self._find(f"{self._section}.process.{name}", "weight", told, remedy, "weight")
        return (WEIGHT_DEFAULT,) * replicas

    def _gateway(self, table: dict[str, Any], processes: dict[str, Any]) -> str | None:
        gateway: str | None = table.get("gateway")
        if gateway is not None and gateway not in processes:
            message = f"gateway {gateway!r} is no process of topology {self._name!r}."
            self._find(
                self._section, "gateway", message, nearest(gateway, processes), "unknown-process"
            )
        elif gateway is None and self._has_edge and processes:
            message = f"topology {self._name!r} does not say which process answers [gateway] http."
            first = next(iter(processes))
            remedy = f'Write gateway = "{first}", or the name of another of its processes.'
            self._find(self._section, "", message, remedy, "gateway-missing")
        return gateway

    def _http(self, name: str, table: dict[str, Any], *, is_gateway: bool) -> Address:
        section = f"{self._section}.process.{name}"
        place = f"{self._page.file}:{self._page.line(section, 'http')}"
        text = table.get("http")
        if text is not None and is_gateway and self._has_edge:
            message = f"process {name!r} is the gateway, and answers where [gateway] http says."
            remedy = "Leave http out here, or there."
            self._find(section, "http", message, remedy, "http-twice")
        return self._page.address(text, place) or Address(host="127.0.0.1", port=0)

    def _place_all(self, tables: dict[str, dict[str, Any]]) -> None:
        """Give each service its process: first those that are named, then all others."""
        takes_others: str | None = None
        for name, table in tables.items():
            section = f"{self._section}.process.{name}"
            find = self._finder(section)
            for service in table.get("services", []):
                if service == EVERY_OTHER and takes_others is None:
                    takes_others = name
                elif service == EVERY_OTHER:
                    message = f'{takes_others!r} and {name!r} both take all others by "*".'
                    find(message, 'Write "*" in one process of a topology.', "service-twice")
                elif service not in self._services:
                    message = f"process {name!r} places {service!r}, which is no service."
                    find(message, nearest(str(service), self._services), "unknown-service")
                elif service in self._placed:
                    where = self._placed[service]
                    message = f"service {service!r} is placed twice: in {where!r} and in {name!r}."
                    find(message, "A service lives in one process of a topology.", "service-twice")
                else:
                    self._placed[service] = name
        left = [service for service in self._services if service not in self._placed]
        if takes_others is not None:
            self._placed |= dict.fromkeys(left, takes_others)
        elif left and tables:
            message = f"topology {self._name!r} places these services nowhere: {', '.join(left)}."
            remedy = 'Name them in a process, or write services = ["*"] in one for all others.'
            self._find(self._section, "", message, remedy, "service-nowhere")
        self._find_empty(tables)

    def _find_empty(self, tables: dict[str, dict[str, Any]]) -> None:
        for name, table in tables.items():
            services = table.get("services", [])
            if name not in self._placed.values() and services in ([], [EVERY_OTHER]):
                message = f"process {name!r} has no service."
                remedy = "Name its services, or remove it."
                if services:
                    remedy = f'All services are named elsewhere, so "*" is none. {remedy}'
                self._finder(f"{self._section}.process.{name}")(message, remedy, "process-empty")

    def _finder(self, section: str) -> Callable[[str, str, str], None]:
        return lambda message, remedy, slug: self._find(section, "services", message, remedy, slug)


def _shown(broker: str) -> str:
    """What was given as a URL, without the name and the password that may stand in it."""
    return re.sub(r"^(.*?://)?.*@", r"\1", broker, flags=re.DOTALL)


def _is_nats_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
