"""Write docs/errors.md from errors.py; with --check only say whether it is current."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "outgrow" / "errors.py"
PAGE = ROOT / "docs" / "errors.md"
HEAD = """# Errors

<!-- Written by tools/errors_page.py from src/outgrow/errors.py. -->

Every way outgrow can fail. They are in `outgrow.errors`. What a client of the HTTP interface sees
of them stands in [HTTP](reference/http.md#problem-details).
"""


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not current. Run: python tools/errors_page.py")
    return 1


def page() -> str:
    """The page as it should be."""
    module = ast.parse(SOURCE.read_text(encoding="utf-8"))
    _, tree, last = (ast.get_docstring(module) or "").split("\n\n", 2)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    parts = [f"{HEAD}\n```\n{tree}\n```\n\n{_markdown(last)}"]
    return "\n\n".join(parts + [_section(node) for node in classes]) + "\n"


def _section(node: ast.ClassDef) -> str:
    base = ", ".join(ast.unparse(base) for base in node.bases)
    kind = f"A kind of `{base}`. " if base and base != "Exception" else ""
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    text, _, attributes = text.partition("\n\nAttributes:\n")
    section = f"## {node.name}\n\n{_markdown(text)}"
    if kind:
        section += f"\n\n{kind}".rstrip()
    rows = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", attributes, re.MULTILINE)
    fields = "\n".join(f"- `{name}`: {_markdown(' '.join(words.split()))}" for name, words in rows)
    return f"{section}\n\n{fields}" if fields else section


def _markdown(text: str) -> str:
    """A docstring's words: its double backticks are single ones here."""
    return text.strip().replace("``", "`")


if __name__ == "__main__":
    sys.exit(main())
