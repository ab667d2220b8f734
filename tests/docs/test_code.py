"""Code that no other test of a page runs."""

import ast
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import outgrow
from outgrow.topology import read_topology
from tests.docs.pages import ROOT, Block, blocks

BLOCKS = [
    block
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for block in blocks(page)
]


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.mark.parametrize("block", of("python"), ids=lambda block: block.place)
def test_python_is_python_and_imports_what_there_is(block: Block) -> None:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(block.text, block.place, "exec", flags)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports if node.module == "outgrow" for alias in node.names]

    assert [name for name in names if name not in outgrow.__all__] == []


@pytest.mark.parametrize("block", of("toml"), ids=lambda block: block.place)
def test_a_topology_file_can_be_read(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "outgrow.toml"
    file.write_text(block.text)

    assert read_topology(file).services


async def test_a_unit_commits_rows_events_and_reply_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for block in blocks(ROOT / "docs" / "explanation" / "transactions.md"):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["payments"]\n')

    async with outgrow.start(tmp_path / "outgrow.toml") as app:
        from payments import Payments

        payments = outgrow.using(app.client(Payments), key="one")
        receipt = await payments.charge("order-1", 500)
        assert await payments.charge("order-1", 500) == receipt

    del sys.modules["payments"]
    with closing(sqlite3.connect(tmp_path / ".outgrow/store/payments.sqlite3")) as store:
        tables = ("charges", "outgrow_journal", "outgrow_inbox")
        counts = [store.execute(f"select count(*) from {table}").fetchone() for table in tables]
    assert counts == [(1,), (1,), (1,)]
