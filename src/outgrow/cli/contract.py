"""``outgrow contract``: what the services promise, frozen in reviewed files and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from outgrow.cli.printing import print_json
from outgrow.process import STATE_FOLDER

if TYPE_CHECKING:
    from outgrow.contracts.comparing import Change
    from outgrow.process.freezing import Comparison, Freezing

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FILE = Path("outgrow.toml")
FAILED = 1

QUESTIONS = {
    "consumers": "Does a running consumer break?",
    "providers": "Does a running provider break new consumers?",
    "stored": "Does what is stored become unreadable?",
}
_WHOM = {
    "consumers": "running consumers",
    "providers": "new consumers of running providers",
    "stored": "what is stored",
}

contract = typer.Typer(
    help="Freeze what the services promise, and check that a change breaks nobody.",
    no_args_is_help=True,
)


@contract.command()
def freeze(
    *,
    allow_breaking: Annotated[
        bool,
        typer.Option("--allow-breaking", help="Write it although something that runs breaks."),
    ] = False,
    file: File = FILE,
    json: Json = False,
) -> None:
    """Write what the services promise into the folder 'contracts' beside the topology file."""
    # Imported here: other commands start sooner without it. So below.
    from outgrow.process.freezing import freeze as freeze_program  # noqa: PLC0415
    from outgrow.process.freezing import read_program  # noqa: PLC0415

    frozen = freeze_program(read_program(file), allow_breaking=allow_breaking)
    if json:
        print_json(_freezing(frozen))
    else:
        _print_freezing(frozen)
    if frozen.is_refused:
        raise typer.Exit(FAILED)


@contract.command()
def check(
    *,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="A git revision; 'running' for what runs on the state folder; unix:SOCKET for the "
            "process with that control channel. Without it, what is frozen.",
        ),
    ] = None,
    file: File = FILE,
    state: Annotated[
        Path | None, typer.Option("--state", help="Where the processes keep their state.")
    ] = None,
    json: Json = False,
) -> None:
    """Say whom the code breaks that relies on what was promised, or runs."""
    comparison = _compare(file, against, state)
    if json:
        print_json(_comparison(comparison))
    else:
        _print_comparison(comparison)
        if against is None and comparison.unknown:
            print("Freeze it: outgrow contract freeze")
    if comparison.breaks:
        raise typer.Exit(FAILED)


def _compare(file: Path, against: str | None, state: Path | None) -> Comparison:
    from outgrow.process.control import (  # noqa: PLC0415
        reported_contracts,
        running_contracts,
    )
    from outgrow.process.freezing import (  # noqa: PLC0415
        compare_services,
        compare_with_frozen,
        read_program,
        read_revision,
    )

    program = read_program(file)
    if against is None:
        return compare_with_frozen(program)
    if against == "running":
        folder = state or file.parent / STATE_FOLDER
        what, place, old = f"what runs on {folder}", str(folder), running_contracts(folder)
    elif against.startswith("unix:"):
        path = Path(against.removeprefix("unix:"))
        what, place, old = f"what runs behind {path}", str(path), reported_contracts(path)
    else:
        what, place, old = f"revision {against}", against, read_revision(program, against)
    return compare_services(what, old, program, place=place)


def _freezing(frozen: Freezing) -> dict[str, Any]:
    told = {name: getattr(frozen, name) for name in ("is_refused", "written", "unchanged", "left")}
    return {"folder": str(frozen.folder), **told, "comparison": _comparison(frozen.comparison)}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "against": comparison.against,
        "breaks": comparison.breaks,
        "questions": {
            name: {"breaks": bool(found), "changes": len(found)}
            for name in QUESTIONS
            for found in [comparison.breaking(name)]
        },
        "changes": [
            {"breaks": change.breaks, **msgspec.to_builtins(change)}
            for change in comparison.changes
        ],
        "compared": comparison.compared,
        "unknown": comparison.unknown,
    }


def _print_freezing(frozen: Freezing) -> None:
    if frozen.comparison.changes:
        _print_comparison(frozen.comparison)
        print()
    for name in frozen.written:
        print(f"written    {frozen.folder.name}/{name}")
    for name in frozen.unchanged:
        print(f"unchanged  {frozen.folder.name}/{name}")
    for name in frozen.left:
        print(f"left       {frozen.folder.name}/{name}: no service of the application has it")
    if frozen.is_refused:
        print(
            "Nothing was written: what was promised before would break. Take the safe way, or, if "
            "nothing that runs relies on it any more: outgrow contract freeze --allow-breaking"
        )


def _print_comparison(comparison: Comparison) -> None:
    print(f"Compared with {comparison.against}.\n")
    if comparison.compared:
        _print_answers(comparison)
    if comparison.compared and not comparison.changes:
        print("\nNothing changed for those who rely on it.")
    for title, changes in _by_severity(comparison.changes):
        print(f"\n{title}:")
        for change in changes:
            _print_change(change)
    if names := ", ".join(comparison.unknown):
        space = "\n" if comparison.compared else ""
        print(f"{space}Not compared: {names}, not part of {comparison.against}.")


def _print_answers(comparison: Comparison) -> None:
    width = max(map(len, QUESTIONS.values()))
    for name, question in QUESTIONS.items():
        found = comparison.breaking(name)
        print(f"{question:{width}}  {f'yes: {_counted(len(found))}' if found else 'no'}")


def _by_severity(changes: list[Change]) -> list[tuple[str, list[Change]]]:
    def is_early(change: Change) -> bool:
        return not change.breaks and change.providers.answer == "breaks"

    found = {
        "Breaks": [change for change in changes if change.breaks],
        "Safe in one order": [change for change in changes if is_early(change)],
        "Compatible": [c for c in changes if not c.breaks and not is_early(c)],
    }
    return [(title, changes) for title, changes in found.items() if changes]


def _print_change(change: Change) -> None:
    print(f"\n  {change.place}: {change.message}")
    verdicts = {name: getattr(change, name) for name in QUESTIONS}
    for name, verdict in verdicts.items():
        if verdict.what:
            breaks = "breaks " if verdict.answer == "breaks" else ""
            print(f"    {breaks}{_WHOM[name]}: {verdict.what}")
    if change.remedy:
        print(f"    the safe way: {change.remedy}")
    if any(verdict.answer == "breaks" for verdict in verdicts.values()):
        print(f"    the safe order: {change.order}")


def _counted(number: int) -> str:
    return "1 change" if number == 1 else f"{number} changes"
