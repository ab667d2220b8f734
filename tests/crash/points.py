"""The crash points of the code, found by reading it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHILDREN = [ROOT / "tests" / "crash" / name for name in ("program.py", "child.py")]
"""The programs that are killed have points of their own: what a client was told."""


@cache
def points() -> tuple[str, ...]:
    """All points that stand in the code, sorted."""
    files = [*(ROOT / "src").rglob("*.py"), *CHILDREN]
    return tuple(sorted({point for file in files for point in _points_of(file)}))


def _points_of(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    if "crash." not in text or file.name == "crash.py":
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if node.func.attr == "at" and isinstance(owner, ast.Name) and owner.id == "crash":
            (point,) = node.args
            if not isinstance(point, ast.Constant) or not isinstance(point.value, str):
                message = f"{file}:{node.lineno}: a crash point is a text, so that it can be found"
                raise TypeError(message)
            yield point.value
