"""What the shop has frozen is what its code says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SHOP = Path(__file__).parents[3] / "examples" / "shop"


def test_the_files_of_the_shop_are_those_that_freezing_would_write(tmp_path: Path) -> None:
    folder = shutil.copytree(SHOP, tmp_path / "shop", ignore=shutil.ignore_patterns(".outgrow"))

    done = subprocess.run(
        [sys.executable, "-m", "outgrow", "contract", "freeze"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("unchanged  ")] == []
    assert len(lines) == 2 * 6 + 2, "two files for each service, and two documents"
