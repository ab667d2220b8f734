"""``outgrow check``: all that is wrong with the program, without starting it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from outgrow.cli.printing import print_json
from outgrow.errors import DefinitionError


def check(
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find all that is wrong with the program, and start nothing."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.checking import check_program  # noqa: PLC0415

    try:
        checked = msgspec.to_builtins(check_program(file))
    except DefinitionError as error:
        if not json:
            raise
        print_json({"is_ok": False, "findings": msgspec.to_builtins(error.findings)})
        raise typer.Exit(2) from error
    if json:
        print_json({"is_ok": True, "counts": checked, "findings": []})
        return
    print(f"ok: {', '.join(_counted(n, what) for what, n in checked.items())}")


def _counted(number: int, what: str) -> str:
    if number != 1:
        return f"{number} {what}"
    return f"1 {what[:-3]}y" if what.endswith("ies") else f"1 {what[:-1]}"
