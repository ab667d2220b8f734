"""The page of the command line: what it shows is printed, and no command or option is left out."""

from __future__ import annotations

import importlib
import re

import pytest
import typer.main

import outgrow.cli
from outgrow.process.control.journals import journal_verbs
from outgrow.process.control.verbs import control_verbs
from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "reference" / "command-line.md"
RUN = ROOT / "docs" / "reference" / "outgrow-toml.md"
EVERYWHERE = {"--help", "--json", "--file", "--state"}


@pytest.mark.timeout(120)
def test_the_page_does_what_it_shows(terminal: Terminal) -> None:
    for block in blocks(PAGE):
        terminal.follow(block)


def commands() -> dict[str, set[str]]:
    """The options of each command, by its full name."""
    # The door's name `application` is the module's; its Typer lies in it.
    application = importlib.import_module("outgrow.cli.application").application
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        below = getattr(command, "commands", None)
        if below is not None:
            for part, inner in below.items():
                walk(inner, f"{name} {part}")
            return
        options = [p for p in command.params if p.param_type_name == "option"]  # type: ignore[attr-defined]
        found[name] = {o for p in options if not p.hidden for o in p.opts if o.startswith("--")}

    walk(typer.main.get_command(application), "outgrow")
    return found


def test_every_command_and_option_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    run = RUN.read_text(encoding="utf-8")

    assert len(commands()) >= 10
    for name, options in commands().items():
        assert re.search(rf"^#+ {name}\b", text, re.MULTILINE), name
        told = run if name == "outgrow run" else text
        assert not [o for o in options - EVERYWHERE if f"`{o}" not in told], name


def test_the_exit_codes_are_those_of_the_door() -> None:
    text = PAGE.read_text(encoding="utf-8")

    for status in (0, 1, 2):
        assert re.search(rf"^\| {status} \|", text, re.MULTILINE)
        assert re.search(rf"\b{status}[:,; ]", outgrow.cli.__doc__ or "")


def test_every_question_to_a_process_is_explained() -> None:
    class Fake:
        class options:  # noqa: N801
            is_test = False

    text = (ROOT / "docs" / "how-to" / "look-inside.md").read_text(encoding="utf-8")
    verbs = {*control_verbs(Fake()), *journal_verbs(Fake())}  # type: ignore[arg-type]

    assert len(verbs) >= 10
    assert [verb for verb in sorted(verbs) if f"| `{verb}` |" not in text] == []
