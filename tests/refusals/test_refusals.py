"""
Wrong programs, one a file, each refused with the message that its first line expects.

A new refusal is a new file in ``programs/``: its first line is ``# expected: part of the message``,
and whatever contracts it defines are read; if it has service classes, it is loaded as the one
service of an application, as ``outgrow check`` does. What is found must have a place,
``file:line``, in that file, and something to do about it.
"""

import importlib
import re
import sys
from pathlib import Path

import pytest

from outgrow.contracts import is_contract, read_contract
from outgrow.errors import DefinitionError
from outgrow.process.loading import load_services
from outgrow.process.service import is_service
from outgrow.topology import Plan

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
EXPECTED = "# expected: "


def run(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import *program* as a module of its own, and read each contract that it defines."""
    monkeypatch.syspath_prepend(program.parent)
    monkeypatch.delitem(sys.modules, program.stem, raising=False)
    module = importlib.import_module(program.stem)
    for thing in vars(module).values():
        if is_contract(thing) and thing.__module__ == module.__name__:
            read_contract(thing)
    if any(map(is_service, vars(module).values())):
        services = {program.stem: program.stem}
        file = program.with_name("outgrow.toml")
        load_services(Plan(file=file, application="test", services=services, http=None))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_wrong_program_is_refused(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = program.read_text().splitlines()[0]
    assert first.startswith(EXPECTED)

    with pytest.raises(DefinitionError) as refused:
        run(program, monkeypatch)

    assert first.removeprefix(EXPECTED) in str(refused.value)
    for finding in refused.value.findings:
        assert re.fullmatch(rf".*{program.name}:\d+", finding.place), finding.place
        assert finding.slug


def test_there_are_programs_and_each_says_something_of_its_own() -> None:
    first_lines = [program.read_text().splitlines()[0] for program in PROGRAMS]

    assert len(first_lines) >= 40
    assert len(set(first_lines)) == len(first_lines)
