"""The page of all kinds of change says what the tests say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_of_changes_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/contract_changes_page.py", "--check"],
        cwd=ROOT,
        check=False,
        timeout=30,
    )

    assert done.returncode == 0
