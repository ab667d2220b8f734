"""A room uses its own floor and the floors below, never in a circle (import-linter)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, plant

LINT = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_the_house_keeps_its_floors() -> None:
    done = lint(ROOT / "src")

    assert done.returncode == 0, done.stdout + done.stderr


GOOD = {
    "__init__.py": "from outgrow.process import run\n",
    "errors.py": "",
    "clock.py": "import asyncio\n",
    "context.py": "",
    "crash.py": "",
    "contracts/__init__.py": "from outgrow.errors import x\n",
    "contracts/shapes.py": "",
    "topology/__init__.py": "from outgrow.contracts import x\n",
    "store/__init__.py": "import sqlite3\n",
    "journal/__init__.py": "from outgrow.store import x\n",
    "sagas/__init__.py": "from outgrow.journal import x\n",
    "journal/relay.py": "",
    "journal/inbox.py": "from outgrow.journal.relay import x\n",
    "process/__init__.py": "from outgrow.journal import x\n",
    "cli/__init__.py": "from outgrow.process import x\n",
    "testing/__init__.py": "",
}


@pytest.mark.parametrize(
    ("here", "line"),
    [
        ("journal/relay.py", "from outgrow.process import x"),
        ("errors.py", "from outgrow.contracts import x"),
        ("contracts/shapes.py", "from outgrow.journal import x"),
        ("testing/__init__.py", "from outgrow.cli import x"),
        ("store/__init__.py", "from outgrow.journal import x"),
        ("journal/relay.py", "from outgrow.journal.inbox import x"),
        ("contracts/shapes.py", "import asyncio"),
        ("topology/__init__.py", "import sqlite3"),
        ("utils/__init__.py", ""),
    ],
)
def test_a_way_up_or_around_is_found(tmp_path: Path, here: str, line: str) -> None:
    planted = GOOD | {here: GOOD.get(here, "") + line + "\n"}
    plant(tmp_path / "outgrow", planted)

    assert lint(tmp_path).returncode == 1


def test_a_good_house_keeps_its_floors(tmp_path: Path) -> None:
    plant(tmp_path / "outgrow", GOOD)
    done = lint(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
