"""
Speed as ratios, one JSON object a line.

Each module of this folder that has a `run` is asked for its figures. A name begins with its room:
``python -m benchmarks calls`` runs the modules whose names begin with ``calls``.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def figures(only: str) -> Iterator[dict[str, Any]]:
    """The figures of each module whose name begins with *only*, in the order of the names."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not found.name.startswith(only or ""):
            continue
        run = getattr(importlib.import_module(f"benchmarks.{found.name}"), "run", None)
        if run is not None:
            yield from run()


def main(only: str = "") -> int:
    """Print each figure as soon as it is known; status 2 if there is nothing of that name."""
    count = 0
    for figure in figures(only):
        print(json.dumps(figure), flush=True)
        count += 1
    if count == 0:
        print(f"benchmarks: no module's name begins with {only!r}", file=sys.stderr)
    return 0 if count else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
