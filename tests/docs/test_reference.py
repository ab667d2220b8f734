"""Pages that repeat what the code says: current, and complete."""

import importlib
import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

from outgrow.contracts import STATUSES
from outgrow.gateway import Limits
from outgrow.gateway.failures import CALL_STATUSES
from outgrow.topology.placing import _PROCESS, _TOPOLOGY
from outgrow.topology.reading import _KNOWN, _SECTIONS
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
SOURCES = ROOT / "src" / "outgrow"
LIMIT = re.compile(r"^([A-Z][A-Z_]*_MAX)(?:: Final)? = ", re.MULTILINE)


def test_the_page_of_errors_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/errors_page.py", "--check"], cwd=ROOT, check=False, timeout=30
    )

    assert done.returncode == 0


def rows(page: Path) -> list[list[str]]:
    """The cells of all rows of all tables of *page*."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if "|" in line
    ]


def test_every_limit_is_what_the_code_says() -> None:
    checked = 0
    for cells in rows(REFERENCE / "limits.md"):
        named = re.fullmatch(r"`([a-z_.]+)\.(\w+)`", cells[-1])
        if named is None:
            continue
        if named[1] == "gateway.limits":
            value = getattr(Limits(), named[2])
        else:
            value = getattr(importlib.import_module(f"outgrow.{named[1]}"), named[2])
        written = re.match(r"[\d,.]+", cells[1])
        assert written is not None, cells
        assert float(written[0].replace(",", "")) == float(value), cells
        checked += 1

    assert checked > 30


def test_no_limit_is_left_out() -> None:
    text = (REFERENCE / "limits.md").read_text(encoding="utf-8")
    names = {f"gateway.limits.{name}" for name in Limits.__dataclass_fields__}
    for source in SOURCES.rglob("*.py"):
        module = ".".join(source.relative_to(SOURCES).with_suffix("").parts)
        names |= {f"{module}.{name}" for name in LIMIT.findall(source.read_text(encoding="utf-8"))}

    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_key_of_the_topology_file_is_explained() -> None:
    text = (REFERENCE / "outgrow-toml.md").read_text(encoding="utf-8")
    keys = [f"`[{section}] {key}`" for section, keys in _KNOWN.items() for key in keys]
    keys += [f"`[topology.<name>] {key}`" for key in _TOPOLOGY]
    keys += [f"`[topology.<name>.process.<name>] {key}`" for key in _PROCESS]

    assert [key for key in keys if key not in text] == []
    assert [section for section in _SECTIONS if f"[{section}" not in text] == []


def test_every_status_is_explained() -> None:
    text = (REFERENCE / "http.md").read_text(encoding="utf-8")
    refusals = {
        (name, int(status))
        for source in (SOURCES / "gateway").rglob("*.py")
        for status, name in re.findall(
            r'Refusal\(\s*(\d{3}),\s*"(\w+)"', source.read_text(encoding="utf-8")
        )
    }
    answers = refusals | {(kind.__name__, status) for kind, status in CALL_STATUSES.items()}

    assert len(refusals) > 8
    for name, status in answers:
        assert re.search(rf"^\| {status} \| `outgrow\.{name}` \|", text, re.MULTILINE), (
            name,
            status,
        )
    for name, status in STATUSES.items():
        assert f"| `{name}` | {status} |" in text, (name, HTTPStatus(status))
