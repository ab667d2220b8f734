"""The group of commands that this room adds to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
State = Annotated[
    Path | None, typer.Option("--state", help="Where the application keeps its stores.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FILE = Path("outgrow.toml")

store = typer.Typer(
    help="Look after the stores of services: where their data lives.", no_args_is_help=True
)
