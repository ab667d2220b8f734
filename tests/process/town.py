"""A program in a folder of its own that tests plant something wrong in."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from outgrow.errors import DefinitionError, Finding
from outgrow.process.checking import Checked, check_program

CONTRACT = """
from outgrow import Contract, Event, Record, query
class {name}Changed(Event, key=None):
    text: str
class {name}(Contract):
    @query("GET /{name}")
    async def get_{name}(self) -> int: ...
"""
SERVICE = """
from outgrow import Settings, Store, service
from {package}.contract import {name}
class {name}Settings(Settings):
    limit: int = 3
@service
class {name}Service({name}):
    store: Store
    async def get_{name}(self) -> int:
        return 1
"""
LONELY = """
from outgrow import Contract, Settings, query, service
class LonelySettings(Settings):
    limit: int = 3
class Lonely(Contract):
    @query()
    async def get_one(self) -> int: ...
@service
class LonelyService(Lonely):
    async def get_one(self) -> int:
        return 1
"""
Files = dict[str, str]


def town() -> Files:
    """Two services, each a package of ``town``, and a third that is one module."""
    texts = {"town/__init__.py": "", "lonely.py": LONELY}
    for name in ("bakery", "mill"):
        of = {"name": name.title(), "package": f"town.{name}"}
        texts[f"town/{name}/__init__.py"] = ""
        texts[f"town/{name}/contract.py"] = CONTRACT.format(**of)
        texts[f"town/{name}/service.py"] = SERVICE.format(**of)
    services = '["town.bakery", "town.mill", "lonely"]'
    texts["outgrow.toml"] = f'[app]\nname = "town"\nservices = {services}\n'
    return texts


def plant(folder: Path, added: Files) -> None:
    """Write the town with *added* at the end of its files."""
    texts = town()
    for path, text in added.items():
        texts[path] = texts.get(path, "") + text
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def forget() -> None:
    """Let the town be imported anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"town", "lonely"}]:
        del sys.modules[name]
    importlib.invalidate_caches()


def find(added: Files | None = None) -> Checked:
    """Check the town in the current folder with *added* at the end of its files."""
    forget()
    plant(Path.cwd(), added or {})
    return check_program(Path("outgrow.toml"))


def shown(findings: list[Finding]) -> list[str]:
    """Each finding with its place and slug, in one line."""
    return [f"{f.place} {f.slug}: {f.message}" for f in findings]


def refused(check: Any, added: Files) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        check(added)
    return shown(raised.value.findings)
