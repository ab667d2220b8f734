"""Pages as they are read: their blocks of code, and the files and commands that these show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TITLED = re.compile(r"(?:#|--) ([\w/-]+\.\w+)\n")


@dataclass(frozen=True, kw_only=True)
class Command:
    """
    What is typed after a ``$``, and what is shown below it.

    Attributes:
        place: ``file:line`` in the page.
    """

    place: str
    text: str
    shown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code between two fences; *line* is the first one inside."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name in the comment that it begins with, if it shows a file."""
        title = TITLED.match(self.text)
        return title[1] if title else None

    @property
    def commands(self) -> list[Command]:
        """What is typed, if it shows a terminal; a line that ends in a backslash goes on."""
        commands: list[Command] = []
        if self.language != "console":
            return commands
        for n, line in enumerate(self.text.splitlines(), start=self.line):
            if line.startswith("$ "):
                place = f"{self.page.relative_to(ROOT)}:{n}"
                commands.append(Command(place=place, text=line[2:], shown=()))
                continue
            last = commands.pop()
            if last.text.endswith("\\"):
                changed = Command(place=last.place, text=f"{last.text}\n{line}", shown=())
            else:
                changed = Command(place=last.place, text=last.text, shown=(*last.shown, line))
            commands.append(changed)
        return commands


def blocks(page: Path) -> list[Block]:
    """The blocks of *page*, in order."""
    found: list[Block] = []
    language, begin, inside = "", 0, False
    lines = page.read_text(encoding="utf-8").splitlines()
    for n, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if inside:
            text = "".join(f"{each}\n" for each in lines[begin : n - 1])
            found.append(Block(page=page, line=begin + 1, language=language, text=text))
        language, begin, inside = line[3:].strip(), n, not inside
    assert not inside, f"{page}: a block has no end"
    return found


def block_after(page: Path, words: str) -> Block:
    """The first block of *page* below the line that holds *words*."""
    lines = page.read_text(encoding="utf-8").splitlines()
    at = next(n for n, line in enumerate(lines, start=1) if words in line)
    return next(block for block in blocks(page) if block.line > at)
