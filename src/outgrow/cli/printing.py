"""What commands print: for people in columns, for programs as JSON; readable without colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from outgrow.errors import ControlError, DefinitionError, Finding, OutgrowError

EXPLAINED_AT_ONCE = 10
SEVERITIES = {"error": "finding", "warning": "warning", "note": "note"}


def print_json(data: Any) -> None:
    """Print *data* as one JSON value, indented."""
    text = msgspec.json.format(msgspec.json.encode(data, enc_hook=str), indent=2)
    print(text.decode())


def print_columns(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print *rows* below their titles, each column as wide as its widest value."""
    texts = [list(titles), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(text[n]) for text in texts) for n in range(len(titles))]
    for text in texts:
        cells = (cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_error(error: OutgrowError) -> None:
    """Print what happened on standard error, and where more about it stands."""
    print_to_stderr(f"{error}\nMore: outgrow explain {' '.join(slugs_of(error))}")


def print_findings(findings: Sequence[Finding]) -> None:
    """Print *findings* on standard error, the gravest first, counted, and where more stands."""
    ordered = [finding for grave in SEVERITIES for finding in findings if finding.severity == grave]
    numbers = {
        word: sum(f.severity == grave for f in findings) for grave, word in SEVERITIES.items()
    }
    counted = ", ".join(f"{n} {word}" + "s" * (n != 1) for word, n in numbers.items() if n)
    slugs = list(dict.fromkeys(finding.slug for finding in ordered))[:EXPLAINED_AT_ONCE]
    text = "\n".join(str(finding) for finding in ordered)
    print_to_stderr(f"{text}\n\n{counted}.\nMore: outgrow explain {' '.join(slugs)}")


def print_to_stderr(text: str) -> None:
    """Print *text* on standard error."""
    # Soft wrapping leaves paths whole, so that a terminal can open them.
    Console(stderr=True, soft_wrap=True).print(Text(text))


def slugs_of(error: OutgrowError) -> list[str]:
    """What explains *error*: the names of its findings, or its own."""
    findings: list[Finding] = error.findings if isinstance(error, DefinitionError) else []
    name = error.kind if isinstance(error, ControlError) else type(error).__name__
    slugs = list(dict.fromkeys(finding.slug for finding in findings)) or [slug_of(name)]
    return slugs[:EXPLAINED_AT_ONCE]


def slug_of(name: str) -> str:
    """The name by which `outgrow explain` knows it: ``StoreInUse`` is ``store-in-use``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.strip()).lower()


def _cell(value: Any) -> str:
    return "-" if value is None or value == "" else str(value)
