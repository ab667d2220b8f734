"""``outgrow check``: all that is wrong with the program, without starting it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from outgrow.cli.printing import print_findings, print_json
from outgrow.errors import DefinitionError, Finding

BASELINE = Path("outgrow-baseline.json")


def check(
    file: Annotated[Path, typer.Option(help="The topology file.")] = Path("outgrow.toml"),
    *,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Keep the findings that this file holds; only new ones count."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update-baseline",
            help=f"Write the baseline if there is none, by default {BASELINE}; else take out of it "
            "what is gone. Nothing is added.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            help="The git revision that still runs while migrations are applied; by default the "
            "last tag, or else the last commit.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find all that is wrong with the program, and start nothing."""
    try:
        findings, counts, kept = _checked(file, baseline, against, is_update=update)
    except DefinitionError as error:
        if not json:
            raise
        findings, counts, kept = error.findings, None, {}
    is_ok = all(finding.severity != "error" for finding in findings)
    if json:
        counted = {} if counts is None or not is_ok else {"counts": counts}
        told = msgspec.to_builtins(findings)
        print_json({"is_ok": is_ok, **counted, **kept, "findings": told})
    else:
        if findings:
            print_findings(findings)
        if is_ok:
            told = [_counted(n, what) for what, n in (counts or {}).items()]
            print(f"ok: {', '.join([*told, *(f'{n} {what}' for what, n in kept.items() if n)])}")
    if not is_ok:
        raise typer.Exit(2)


def _checked(
    file: Path, baseline: Path | None, against: str | None, *, is_update: bool
) -> tuple[list[Finding], dict[str, Any], dict[str, int]]:
    """The findings, what was looked at, and how many findings the baseline keeps or kept."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.checking import (  # noqa: PLC0415
        check_program,
        compare_with_baseline,
        update_baseline,
    )

    checked = check_program(file, against)
    counts = msgspec.to_builtins(checked.counts)
    if is_update:
        updated = update_baseline(checked, baseline or file.parent / BASELINE, file.parent)
        return updated.findings, counts, {"kept": updated.kept, "removed": updated.removed}
    if baseline is not None:
        compared = compare_with_baseline(checked, baseline, file.parent)
        return compared.findings, counts, {"kept": compared.kept}
    return checked.findings, counts, {}


def _counted(number: int, what: str) -> str:
    if number != 1:
        return f"{number} {what}"
    return f"1 {what[:-3]}y" if what.endswith("ies") else f"1 {what[:-1]}"
