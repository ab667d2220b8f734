"""
Everything that can be said about the code without running it: form, types, floors.

The checks run two at a time, and all of them run, so that one look shows all that is wrong.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKS = {
    "types (mypy)": [BIN / "mypy"],
    "types (pyright)": [BIN / "basedpyright", "--warnings"],
    "floors": [BIN / "lint-imports", "--no-cache"],
    "form": [BIN / "ruff", "check", "--quiet", "--output-format=concise"],
    "format": [BIN / "ruff", "format", "--check", "--output-format=concise"],
}


def run(name: str) -> bool:
    """Run one check and show what it found; whether it found nothing."""
    begin = time.perf_counter()
    done = subprocess.run(CHECKS[name], capture_output=True, text=True, check=False)
    good = done.returncode == 0
    report = "" if good else f"\n{done.stdout}{done.stderr}"
    verdict = "ok" if good else "FINDINGS"
    print(f"{name:16} {verdict:9} {time.perf_counter() - begin:4.1f} s{report}", flush=True)
    return good


if __name__ == "__main__":
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(run, CHECKS))
    sys.exit(not all(results))
