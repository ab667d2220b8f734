"""Read ``outgrow.toml`` into a plan, with all findings at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from outgrow.errors import InvalidTopology
from outgrow.topology.calls_reading import read_calls
from outgrow.topology.page import NAME, Page, nearest
from outgrow.topology.placing import read_topologies
from outgrow.topology.plan import Plan
from outgrow.topology.stores import SQLITE, StoreReader

_KNOWN: dict[str, dict[str, tuple[type, ...]]] = {
    "app": {"name": (str,), "services": (list,), "store": (str, dict)},
    "gateway": {"http": (str,)},
}
_KINDS: dict[type, str] = {str: "a text in quotes", list: "a list", dict: "a table"}
_SECTIONS = (*_KNOWN, "calls", "settings", "topology")


def read_topology(file: Path, *, http: str | None = None) -> Plan:
    """
    The plan that *file* holds.

    Args:
        http: Where to answer HTTP instead of where the file says, if anywhere.

    Raises:
        InvalidTopology: All that is wrong with it, with file and line.
    """
    return _Reader(file).read(http)


class _Reader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, file: Path) -> None:
        self.page = Page(file)

    def read(self, http_instead: str | None) -> Plan:
        page = self.page
        document = self._document()
        self._check_keys(document)
        application = self._name(document)
        services = self._services(document)
        place = f"{page.file}:{page.line('gateway', 'http')}"
        http = page.address(document["gateway"].get("http"), place)
        has_edge = "http" in document["gateway"]
        settings = self._settings(document.get("settings", {}), services)
        calls = read_calls(page, document.get("calls", {}), services)
        tables = document.get("topology", {})
        reader = StoreReader(page, list(services))
        stores = reader.read("app", document["app"].get("store"), dict.fromkeys(services, SQLITE))
        topologies = read_topologies(page, tables, stores, reader, has_edge=has_edge)
        if http_instead is not None:
            http = page.address(http_instead, "--http")
        InvalidTopology.raise_if_any(page.findings)
        return Plan(
            file=page.file.resolve(),
            application=application,
            services=services,
            http=http,
            settings=settings,
            topologies=topologies,
            stores=stores,
            calls=calls,
        )

    def _document(self) -> dict[str, Any]:
        import tomllib  # noqa: PLC0415 - slow to import, and needed once

        page = self.page
        try:
            text = page.file.read_text(encoding="utf-8")
            page.lines = text.splitlines()
            return tomllib.loads(text)
        except FileNotFoundError:
            remedy = "Go to the folder that holds outgrow.toml, or name the file with --file."
            page.find(1, "there is no such file.", remedy, "topology-missing")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "The topology is a text file in UTF-8 that this user may read."
            page.find(1, f"it cannot be read: {error}.", remedy, "topology-unreadable")
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"line (\d+)", str(error))
            remedy = "The file is TOML: strings in quotes, one key a line."
            page.find(int(at[1]) if at else 1, f"{error}.", remedy, "topology-not-toml")
        raise InvalidTopology(page.findings)

    def _check_keys(self, document: dict[str, Any]) -> None:
        for section, table in document.items():
            if section not in _SECTIONS:
                remedy = nearest(section, _SECTIONS)
                text = f"unknown section [{section}]."
                self.page.find(self.page.line(section), text, remedy, "unknown-key")
            elif not isinstance(table, dict):
                remedy = f"Write it as a section: [{section}]."
                self.page.find(1, f"{section!r} is no section.", remedy, "unknown-key")
        for section, keys in _KNOWN.items():
            table = document.get(section, {})
            if isinstance(table, dict):
                self._check_table(section, keys, table)
            document[section] = table if isinstance(table, dict) else {}

    def _check_table(
        self, section: str, keys: dict[str, tuple[type, ...]], table: dict[str, Any]
    ) -> None:
        for key in list(table):
            line = self.page.line(section, key)
            if key not in keys:
                text = f"unknown key {key!r} in [{section}]."
                self.page.find(line, text, nearest(key, keys), "unknown-key")
            elif not isinstance(table[key], keys[key]):
                kind = " or ".join(_KINDS[one] for one in keys[key])
                text = f"{key!r} is {table[key]!r}."
                self.page.find(line, text, f"It should be {kind}.", "wrong-type")
                del table[key]

    def _name(self, document: dict[str, Any]) -> str:
        name = document["app"].get("name", "")
        if not NAME.fullmatch(name):
            self.page.find(
                self.page.line("app", "name"),
                f"the application's name is {name!r}." if name else "the application has no name.",
                'Write [app] name = "shop": small letters, digits and underscores.',
                "app-name",
            )
        return str(name)

    def _services(self, document: dict[str, Any]) -> dict[str, str]:
        page = self.page
        services: dict[str, str] = {}
        for package in document["app"].get("services", []):
            parts = package.split(".") if isinstance(package, str) else [""]
            if not all(re.fullmatch(r"[a-z_][a-z0-9_]*", part) for part in parts):
                line = page.line_of_text(str(package))
                text = f"{package!r} is no dotted name of a Python package."
                remedy = 'Name each service by its package, such as "shop.orders".'
                page.find(line, text, remedy, "service-name")
            elif parts[-1] in services:
                line = page.line_of_text(package)
                text = f"two services are called {parts[-1]!r}."
                remedy = f"{services[parts[-1]]} and {package}: the last part of each is its name."
                page.find(line, text, remedy, "service-twice")
            else:
                services[parts[-1]] = package
        if not services and not page.findings:
            remedy = 'Write [app] services = ["shop.orders"]: the package of each service.'
            page.find(page.line("app"), "no service is named.", remedy, "no-services")
        return services

    def _settings(self, tables: Any, services: dict[str, str]) -> dict[str, dict[str, Any]]:
        page = self.page
        if not isinstance(tables, dict):
            return {}
        for service, table in tables.items():
            line = page.line(f"settings.{service}")
            if service not in services:
                text = f"settings of {service!r}, which is no service of this application."
                page.find(line, text, nearest(service, services), "unknown-service")
            elif not isinstance(table, dict):
                remedy = f"Write them as a section: [settings.{service}]."
                page.find(line, f"settings of {service!r} are no section.", remedy, "wrong-type")
        return {name: table for name, table in tables.items() if isinstance(table, dict)}
