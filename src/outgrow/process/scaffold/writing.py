"""Write the first program into a new folder."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from outgrow.errors import DefinitionError, Finding

PLACEHOLDER = "app_name"
"""What stands in the templates, in texts and in names of files, for the program's name."""

_TAKEN = {"outgrow", "tests", "catalog", "loans", PLACEHOLDER}


def write_scaffold(name: str, folder: Path) -> list[Path]:
    """
    Write a program called *name* into *folder*, which is made; the files, below it.

    Raises:
        DefinitionError: No program can be called so, or the folder holds something already;
            nothing was written.
    """
    DefinitionError.raise_if_any(_name_findings(name) + _folder_findings(folder))
    written = []
    for path, text in sorted(_templates(files("outgrow.process.scaffold") / "templates")):
        target = Path(path.replace(PLACEHOLDER, name).removesuffix(".txt"))
        if target.name == "gitignore":
            target = target.with_name(".gitignore")
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_text(text.replace(PLACEHOLDER, name), encoding="utf-8")
        written.append(target)
    return written


def _templates(folder: Traversable, below: str = "") -> list[tuple[str, str]]:
    """Paths and texts of the templates, which end in ``.txt``: they are no modules of ours."""
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, f"{below}{entry.name}/")
        else:
            found.append((below + entry.name, entry.read_text(encoding="utf-8")))
    return found


def _name_findings(name: str) -> list[Finding]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or keyword.iskeyword(name):
        why = "no package and no application can be called so."
        remedy = "Small letters, digits and underscores, at most 63, the first one a letter."
    elif name in _TAKEN or name in sys.stdlib_module_names:
        why = "something else that is imported is called so already."
        remedy = f'Choose another name, such as "my_{name}".'
    else:
        return []
    return [Finding(place=repr(name), message=why, remedy=remedy, slug="new-name")]


def _folder_findings(folder: Path) -> list[Finding]:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    what = "the folder is not empty." if folder.is_dir() else "it is a file."
    remedy = "A new program gets a folder of its own: --folder DIR, one that is empty or not there."
    return [Finding(place=str(folder), message=what, remedy=remedy, slug="new-folder")]
