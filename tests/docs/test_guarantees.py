"""The page of promises: complete, and every test that it names is there."""

import ast
import re
from pathlib import Path

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
PROMISES = 11
NAMED = re.compile(r"`((?:tests|examples)/[\w/]+\.py)::(\w+)`")


def names_in(file: Path) -> set[str]:
    """The names of the tests that *file* defines."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_named_test_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or name not in names_in(ROOT / path)
    ]

    assert named
    assert missing == []


def test_every_promise_has_tests_or_says_that_it_waits() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    sections = re.findall(r"^### (\d+)\. .+\n((?:(?!###)[^\n]*\n)*)", text, re.MULTILINE)

    assert [int(n) for n in rows] == [int(n) for n, _ in sections] == list(range(1, PROMISES + 1))
    for n, section in sections:
        assert NAMED.search(section) or re.search(r"\bWaits?\b", section), f"promise {n}"


def test_every_crash_point_of_the_code_stands_in_the_table() -> None:
    sources = (ROOT / "src" / "outgrow").rglob("*.py")
    points = {
        point
        for source in sources
        if source.name != "crash.py"
        for point in re.findall(r'crash\.at\("([\w.]+)"\)', source.read_text(encoding="utf-8"))
    }
    text = PAGE.read_text(encoding="utf-8")

    assert points
    assert [point for point in sorted(points) if f"`{point}`" not in text] == []
