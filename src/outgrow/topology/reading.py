"""Read ``outgrow.toml`` into a plan, with all findings at once."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from outgrow.errors import Finding, InvalidTopology
from outgrow.topology.plan import Address, Plan

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KNOWN: dict[str, dict[str, type]] = {
    "app": {"name": str, "services": list},
    "gateway": {"http": str},
}
_SECTIONS = (*_KNOWN, "settings")


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
        self.file = file
        self.findings: list[Finding] = []
        self.lines: list[str] = []

    def read(self, http_instead: str | None) -> Plan:
        document = self._document()
        self._check_keys(document)
        application = self._name(document)
        services = self._services(document)
        http = self._address(document["gateway"].get("http"))
        if http_instead is not None:
            http = self._address(http_instead, place="--http")
        settings = self._settings(document.get("settings", {}), services)
        InvalidTopology.raise_if_any(self.findings)
        return Plan(
            file=self.file.resolve(),
            application=application,
            services=services,
            http=http,
            settings=settings,
        )

    def _find(self, line: int, message: str, remedy: str, slug: str) -> None:
        place = f"{self.file}:{line}"
        self.findings.append(Finding(place=place, message=message, remedy=remedy, slug=slug))

    def _document(self) -> dict[str, Any]:
        import tomllib  # noqa: PLC0415 - slow to import, and needed once

        try:
            text = self.file.read_text(encoding="utf-8")
            self.lines = text.splitlines()
            return tomllib.loads(text)
        except FileNotFoundError:
            remedy = "Go to the folder that holds outgrow.toml, or name the file with --file."
            self._find(1, "there is no such file.", remedy, "topology-missing")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "The topology is a text file in UTF-8 that this user may read."
            self._find(1, f"it cannot be read: {error}.", remedy, "topology-unreadable")
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"line (\d+)", str(error))
            remedy = "The file is TOML: strings in quotes, one key a line."
            self._find(int(at[1]) if at else 1, f"{error}.", remedy, "topology-not-toml")
        raise InvalidTopology(self.findings)

    def _line(self, section: str, key: str = "") -> int:
        """The line where a section, or a key in it, is written; 1 if it cannot be found."""
        found, inside = 1, False
        for number, line in enumerate(self.lines, start=1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
            if header:
                inside = header[1] == section
                found = number if inside else found
            elif inside and key and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
                return number
        return found

    def _line_of_text(self, text: str) -> int:
        quoted = re.compile(rf"[\"']{re.escape(text)}[\"']")
        numbered = enumerate(self.lines, start=1)
        return next((number for number, line in numbered if quoted.search(line)), 1)

    def _check_keys(self, document: dict[str, Any]) -> None:
        for section, table in document.items():
            if section not in _SECTIONS:
                remedy = _nearest(section, _SECTIONS)
                text = f"unknown section [{section}]."
                self._find(self._line(section), text, remedy, "unknown-key")
            elif not isinstance(table, dict):
                remedy = f"Write it as a section: [{section}]."
                self._find(1, f"{section!r} is no section.", remedy, "unknown-key")
        for section, keys in _KNOWN.items():
            table = document.get(section, {})
            if isinstance(table, dict):
                self._check_table(section, keys, table)
            document[section] = table if isinstance(table, dict) else {}

    def _check_table(self, section: str, keys: dict[str, type], table: dict[str, Any]) -> None:
        for key in list(table):
            line = self._line(section, key)
            if key not in keys:
                text = f"unknown key {key!r} in [{section}]."
                self._find(line, text, _nearest(key, keys), "unknown-key")
            elif not isinstance(table[key], keys[key]):
                kind = "a list" if keys[key] is list else "a text in quotes"
                text = f"{key!r} is {table[key]!r}."
                self._find(line, text, f"It should be {kind}.", "wrong-type")
                del table[key]

    def _name(self, document: dict[str, Any]) -> str:
        name = document["app"].get("name", "")
        if not NAME.fullmatch(name):
            self._find(
                self._line("app", "name"),
                f"the application's name is {name!r}." if name else "the application has no name.",
                'Write [app] name = "shop": small letters, digits and underscores.',
                "app-name",
            )
        return str(name)

    def _services(self, document: dict[str, Any]) -> dict[str, str]:
        services: dict[str, str] = {}
        for package in document["app"].get("services", []):
            parts = package.split(".") if isinstance(package, str) else [""]
            if not all(re.fullmatch(r"[a-z_][a-z0-9_]*", part) for part in parts):
                line = self._line_of_text(str(package))
                text = f"{package!r} is no dotted name of a Python package."
                remedy = 'Name each service by its package, such as "shop.orders".'
                self._find(line, text, remedy, "service-name")
            elif parts[-1] in services:
                line = self._line_of_text(package)
                text = f"two services are called {parts[-1]!r}."
                remedy = f"{services[parts[-1]]} and {package}: the last part of each is its name."
                self._find(line, text, remedy, "service-twice")
            else:
                services[parts[-1]] = package
        if not services and not self.findings:
            remedy = 'Write [app] services = ["shop.orders"]: the package of each service.'
            self._find(self._line("app"), "no service is named.", remedy, "no-services")
        return services

    def _address(self, text: str | None, place: str = "") -> Address | None:
        if text is None:
            return None
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            remedy = (
                'Write a host and a port, such as "127.0.0.1:8080"; '
                "with port 0 the system chooses one."
            )
            place = place or f"{self.file}:{self._line('gateway', 'http')}"
            message = f"http is {text!r}."
            self.findings.append(
                Finding(place=place, message=message, remedy=remedy, slug="http-address")
            )
            return None
        return Address(host=host.strip("[]"), port=int(port))

    def _settings(self, tables: Any, services: dict[str, str]) -> dict[str, dict[str, Any]]:
        if not isinstance(tables, dict):
            return {}
        for service, table in tables.items():
            line = self._line(f"settings.{service}")
            if service not in services:
                text = f"settings of {service!r}, which is no service of this application."
                self._find(line, text, _nearest(service, services), "unknown-service")
            elif not isinstance(table, dict):
                remedy = f"Write them as a section: [settings.{service}]."
                self._find(line, f"settings of {service!r} are no section.", remedy, "wrong-type")
        return {name: table for name, table in tables.items() if isinstance(table, dict)}


def _nearest(word: str, known: Any) -> str:
    listed = f"Known: {', '.join(sorted(known)) or 'none'}."
    close = difflib.get_close_matches(word, list(known), n=1)
    return f'{listed}\nDid you mean "{close[0]}"?' if close else listed
