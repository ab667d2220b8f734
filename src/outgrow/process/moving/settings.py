"""What ``outgrow.toml`` is to say after a move, made of what it says now."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from outgrow.topology import SQLITE, shown

EVERY_OTHER = "*"


class Line(NamedTuple):
    """
    A line for ``outgrow.toml``.

    Attributes:
        section: Where it belongs.
        text: What it says, without passwords.
    """

    section: str
    text: str


def line_after(file: Path, topology: str, service: str, setting: str) -> Line:
    """
    The line that puts the store of *service* at *setting*, and all others where they are now.

    Args:
        topology: The one that counts, if it says where stores are; else the application does.
    """
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    section, value = "app", said["app"].get("store")
    own = said.get("topology", {}).get(topology, {}).get("store") if topology else None
    if own is not None:
        section, value = f"topology.{topology}", own
    return Line(section, f"store = {_value(_table(value, is_whole=own is None), service, setting)}")


def _table(value: Any, *, is_whole: bool) -> dict[str, str]:
    """By service what *value* says; with what holds for those of which nothing is said."""
    if isinstance(value, str):
        return {EVERY_OTHER: value}
    table: dict[str, str] = dict(value or {})
    if is_whole:
        table.setdefault(EVERY_OTHER, SQLITE)
    return table


def _value(table: dict[str, str], service: str, setting: str) -> str:
    every_other = table.get(EVERY_OTHER)
    table = {name: place for name, place in table.items() if name not in (service, EVERY_OTHER)}
    if setting != every_other:
        table[service] = setting
    if not table and every_other is not None:
        return _quoted(every_other)
    if every_other is not None:
        table[EVERY_OTHER] = every_other
    return "{ " + ", ".join(f"{_key(name)} = {_quoted(table[name])}" for name in table) + " }"


def _key(name: str) -> str:
    return _quoted(name) if name == EVERY_OTHER else name


def _quoted(text: str) -> str:
    return json.dumps(shown(text))
