"""The text of ``outgrow.toml``, and what is wrong with it, line by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from outgrow.errors import Finding
from outgrow.topology.plan import Address

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Page:
    """
    One topology file, as findings point at it.

    Attributes:
        file: Its path.
        findings: All that is wrong with it.
        lines: Its text.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.lines: list[str] = []

    def find(self, line: int, message: str, remedy: str, slug: str) -> None:
        """Add what is wrong at *line*."""
        self.find_at(f"{self.file}:{line}", message, remedy, slug)

    def find_at(self, place: str, message: str, remedy: str, slug: str) -> None:
        """Add what is wrong at a *place* that need not be in the file."""
        self.findings.append(Finding(place=place, message=message, remedy=remedy, slug=slug))

    def line(self, section: str, key: str = "") -> int:
        """The line where a section, or a key in it, is written; 1 if it cannot be found."""
        found, inside = 1, False
        for number, line in enumerate(self.lines, start=1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
            if header:
                inside = header[1].replace('"', "") == section
                found = number if inside else found
            elif inside and key and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
                return number
        return found

    def line_of_text(self, text: str) -> int:
        """The first line that holds *text* in quotes; 1 if none does."""
        quoted = re.compile(rf"[\"']{re.escape(text)}[\"']")
        numbered = enumerate(self.lines, start=1)
        return next((number for number, line in numbered if quoted.search(line)), 1)

    def address(self, text: str | None, place: str) -> Address | None:
        """The address that *text*, written at *place*, tells; None if it tells none."""
        if text is None:
            return None
        host, _, port = text.rpartition(":")
        if host and port.isdecimal() and int(port) <= 65535:
            return Address(host=host.strip("[]"), port=int(port))
        remedy = (
            'Write a host and a port, such as "127.0.0.1:8080"; with port 0 the system chooses one.'
        )
        message = f"http is {text!r}."
        self.findings.append(
            Finding(place=place, message=message, remedy=remedy, slug="http-address")
        )
        return None


def nearest(word: str, known: Iterable[str]) -> str:
    """What is known, and which of it *word* may have meant."""
    names = sorted(known)
    listed = f"Known: {', '.join(names) or 'none'}."
    close = difflib.get_close_matches(word, names, n=1)
    return f'{listed}\nDid you mean "{close[0]}"?' if close else listed
