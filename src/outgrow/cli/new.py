"""``outgrow new``: a first program of two services, with tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outgrow.cli.printing import print_json
from outgrow.process.scaffold import write_scaffold


def new(
    name: Annotated[str, typer.Argument(help="The program's name, and its package's.")],
    folder: Annotated[
        Path | None, typer.Option(help="Write it here; a folder of its name if left out.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a new program: two services, an outgrow.toml, and tests for every world."""
    where = folder or Path(name)
    written = write_scaffold(name, where)
    if json:
        print_json({"folder": where, "files": written})
        return
    for path in written:
        print(where / path)
    print(f"\nNext: cd {where} && outgrow check && pytest && outgrow run --open")
