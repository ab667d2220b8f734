"""``outgrow doctor``: whether the program can run on this machine, and what stands in its way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outgrow.cli.printing import print_json


def doctor(
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    *,
    state: Annotated[
        Path | None, typer.Option(help="Where the application keeps its stores and sockets.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at this machine, the state folder and what runs, with a remedy for each problem."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.doctor import examine  # noqa: PLC0415

    observations = examine(file, state)
    problems = sum(one.state == "problem" for one in observations)
    warnings = sum(one.state == "warning" for one in observations)
    if json:
        print_json({"is_ok": not problems, "observations": observations})
    else:
        width = max(len(one.what) for one in observations)
        for one in observations:
            print(f"{one.state:7}  {one.what:{width}}  {one.message}")
            if one.remedy:
                print(f"{'':7}  {'':{width}}  {one.remedy}")
        print(f"\n{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}")
    if problems:
        raise typer.Exit(1)


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
