"""What the journal says to its store is understood by SQLite and by PostgreSQL."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

import outgrow.journal
from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA
from outgrow.store import open_store

STATEMENT = re.compile(r"(select|insert|update|delete|with)\s")
FRAGMENTS = {
    "outgrow.journal.consumers.progress._SHARE",
    "outgrow.journal.consumers.progress._FURTHER",
}
"""Parts of statements, which the tests of replicas run."""


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(outgrow.journal.__path__, "outgrow.journal."):
        yield importlib.import_module(found.name)


def statements() -> list[tuple[str, str]]:
    """All constants that are statements, by their names."""
    found = {
        f"{module.__name__}.{name}": text.strip()
        for module in modules()
        for name, text in vars(module).items()
        if isinstance(text, str) and STATEMENT.match(text.strip().lower())
    }
    return sorted((name, text) for name, text in found.items() if name not in FRAGMENTS)


def is_whole(text: str) -> bool:
    """Whether it is more than the beginning of a statement whose rows follow."""
    return not text.rstrip().endswith("values") and "{" not in text


async def open_one(where: object) -> object:
    return await open_store(
        where,  # type: ignore[arg-type]
        application="shop",
        service="orders",
        clock=SystemClock(),
        schemas=[SCHEMA],
    )


def test_there_are_statements() -> None:
    assert len([1 for _, text in statements() if is_whole(text)]) > 40


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_each_statement_is_understood(kind: str, tmp_path, request) -> None:
    where = tmp_path / "orders.sqlite3"
    if kind == "postgres":
        where = await request.getfixturevalue("outgrow_postgres").database()
    refused = []
    async with await open_one(where) as store:
        for name, text in statements():
            if not is_whole(text) or (kind == "sqlite" and ".replicas." in name):
                continue  # Only a store that several have open is asked by those.
            explained = f"explain {text}"
            marks = text.count("?")
            try:
                async with store.read() as snapshot:
                    await snapshot.own(explained, (None,) * marks)
            except Exception as error:  # noqa: BLE001 - all of them are told
                refused.append(f"{name}: {error}")
    assert not refused, "\n- ".join(["", *refused])
