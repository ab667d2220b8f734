"""``pytest --outgrow-statements`` notes the SQL of services, and a move tries it elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.process.moving import note_statements, noted_statements, statements_path
from outgrow.process.moving.statements import STATEMENT_CHARACTERS_MAX

SERVICE = """
from outgrow import *
class Words(Contract):
    @command("POST /words")
    async def say(self, word: str) -> int: ...
@service
class WordsService(Words):
    store: Store
    @transactional
    async def say(self, tx: Transaction, word: str) -> int:
        await tx.execute("insert into words (word) values (:word)", word=word)
        return await tx.fetch_one(int, "select count(*) from words")
    async def listed(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select word from words")
"""
TESTS = """
import pytest
from outgrow.testing import temporary_store
from words import Words, WordsService

async def test_in_a_world(world):
    assert await world.client(Words).say("first") == 1

@pytest.mark.asyncio
async def test_alone():
    async with temporary_store(WordsService) as store:
        assert await WordsService(store=store).listed() == []
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "words.py").write_text(SERVICE)
    (tmp_path / "words_migrations").mkdir()
    (tmp_path / "words_migrations/0001_words.sql").write_text("create table words (word text);")
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "said"\nservices = ["words"]\n')
    (tmp_path / "test_words.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(folder: Path, *options: str) -> None:
    words = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--world=together", *options]
    command = [sys.executable, "-m", "pytest", *words]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_the_statements_of_services_are_noted_once_and_only_if_asked_for(program):
    path = statements_path(program / ".outgrow", "words")

    run(program)
    assert not path.exists()

    run(program, "--outgrow-statements")
    run(program, "--outgrow-statements")
    assert noted_statements(path) == [
        "insert into words (word) values (:word)",
        "select count(*) from words",
        "select word from words",
    ]


def test_there_are_at_most_so_many_and_none_is_very_long(tmp_path, monkeypatch):
    monkeypatch.setattr("outgrow.process.moving.statements.STATEMENTS_MAX", 3)
    path = tmp_path / "s.json"
    note_statements(path, ["b", "x" * (STATEMENT_CHARACTERS_MAX + 1)])
    note_statements(path, ["a", "d", "c", "b"])

    assert noted_statements(path) == ["a", "b", "c"]
