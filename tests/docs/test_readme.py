"""README's first screen, done by whoever reads no further."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.terminal import Terminal

README = ROOT / "README.md"
FIRST_SCREEN_LINES_MAX = 40


def first_screen() -> list[Block]:
    """The blocks up to the first console, which is the last of them."""
    found = blocks(README)
    end = next(n for n, block in enumerate(found) if block.commands)
    return found[: end + 1]


def test_the_first_screen_fits_forty_lines() -> None:
    console = first_screen()[-1]
    last_line = console.line + len(console.text.splitlines())

    assert last_line <= FIRST_SCREEN_LINES_MAX


@pytest.mark.timeout(180)
def test_the_program_runs_answers_is_split_and_is_tested_in_three_worlds(
    terminal: Terminal,
) -> None:
    *files, console = first_screen()
    for block in files:
        assert block.file, f"{block.place}: no file"
        terminal.follow(block)
    _install, prepare, run, divide, run_split, test = console.commands

    terminal.type(prepare)
    assert "/docs" in terminal.type(run)
    check_answers(terminal)
    terminal.type(divide)
    assert "process back answers" in terminal.type(run_split)
    check_answers(terminal)
    terminal.stop()
    terminal.follow(next(block for block in blocks(README) if block.file == "test_orders.py"))
    assert "3 passed" in terminal.type(test)


def check_answers(terminal: Terminal) -> None:
    assert terminal.curl("/orders", '{"item": "tea", "quantity": 2}') == "600"
    assert terminal.curl("/prices/tea") == "300"
    assert "<title>shop</title>" in terminal.curl("/docs")


def test_what_is_said_to_be_promised_has_its_row() -> None:
    guarantees = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    promises = re.findall(r"^- \*\*(.+?)\*\*", section(README, "What it guarantees"), re.MULTILINE)

    assert promises
    for promise in promises:
        assert promise in guarantees, promise


def section(page: Path, title: str) -> str:
    """The text below the heading *title*."""
    return page.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
