"""``outgrow contract``: what the services promise, frozen in reviewed files and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FILE = Path("outgrow.toml")

contract = typer.Typer(
    help="Freeze what the services promise, and check that a change breaks nobody.",
    no_args_is_help=True,
)
