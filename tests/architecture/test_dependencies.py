"""Every dependency is a line in a reviewed list, with its reason; the lock pins all of it."""

import re
import tomllib

from tests.architecture.house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements" / "dev.txt").read_text()


def _names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9-]+", text) for text in requirements)
    return {match[0] for match in found if match} - {"outgrow"}


def _required() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    return _names([*PROJECT["dependencies"], *(text for extra in extras for text in extra)])


def test_every_dependency_has_its_reason_and_no_reason_is_left_over() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()

    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == _required()


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    pinned = re.findall(r"^([\w-]+)==[^\n]*\\\n\s+--hash=sha256:", LOCK, re.MULTILINE)
    pins = re.findall(r"^[\w-]+==", LOCK, re.MULTILINE)
    tools = _names((ROOT / "requirements" / "dev.in").read_text().splitlines()[1:])

    assert len(pinned) == len(pins)
    assert _required() | tools <= set(pinned)


def test_the_lock_names_no_address_and_no_folder() -> None:
    assert not re.findall(r"^\s*-(?!-hash=)|https?:|file:|/", LOCK, re.MULTILINE)


def test_everything_is_all_extras_together() -> None:
    extras = PROJECT["optional-dependencies"]

    assert extras["all"] == [f"outgrow[{','.join(sorted(set(extras) - {'all'}))}]"]
