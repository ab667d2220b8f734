"""``outgrow event archive``, ``verify`` and ``restore``: old rows of journals in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outgrow.cli.desks import FILE, Desk, File, Json, State, who_asks
from outgrow.cli.events.group import at_desk, counted, event, operator_of
from outgrow.cli.printing import print_json, print_to_stderr
from outgrow.contracts import parse_duration
from outgrow.errors import ArchiveBroken
from outgrow.journal import verify_archives
from outgrow.process.control import Operator

Service = Annotated[str, typer.Argument(help="The service whose journal it is.")]
Reason = Annotated[str, typer.Option(help="Kept with who asked, in the journal.")]


@event.command()
@at_desk
def archive(
    service: Service,
    *,
    to: Annotated[Path, typer.Option(help="The folder of the service's archives.")],
    older_than: Annotated[
        str, typer.Option(help="Only rows that are older, such as 30d, 12h or 1s.")
    ] = "30d",
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what is archived and was read by all.")
    ] = False,
    reason: Reason = "",
    desk: Desk[Operator],
) -> None:
    """Write old rows of a journal into files that prove themselves; delete them if you say so."""
    seconds, operator = _seconds(older_than), desk.operator
    if delete and not desk.is_sure:
        question = (
            f"Delete what is archived of {service}? A new handler will not hear of it, and "
            f"'outgrow event restore {service} --from {to}' puts it back."
        )
        typer.confirm(question, abort=True, err=True)
    files = operator.archive(service, to.absolute(), seconds, who_asks(), reason)
    deleted = operator.delete_archived(service) if delete else None
    if desk.is_json:
        print_json({"service": service, "files": files, "deleted": deleted})
        return
    for one in files:
        rows = counted(one["rows"], "row")
        print(f"{service}: {rows} up to position {one['last']} archived in {one['file']}")
    if not files:
        print(f"{service}: nothing is older than {older_than} and not archived")
    if deleted is not None:
        print(f"{service}: {counted(deleted['rows'], 'row')} deleted")
        if deleted["held_up"]:
            names = ", ".join(deleted["held_up"])
            print_to_stderr(f"Rows that these have not read yet stay: {names}.")


@event.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The folder with archives.")],
    *,
    service: Annotated[
        str | None, typer.Option(help="Only the archives of this service; else all.")
    ] = None,
    json: Json = False,
) -> None:
    """Prove that archives are what was written: no line changed, left out, put in or cut off."""
    try:
        proven = verify_archives(folder, service)
    except OSError as error:
        raise ArchiveBroken(str(folder), f"it cannot be read: {error}.") from error
    if not proven:
        raise ArchiveBroken(str(folder), "it holds no archive.")
    if json:
        print_json(proven)
        return
    for one in proven:
        files, rows = counted(one.files, "file"), counted(one.rows, "row")
        since = "" if one.first_file == 1 else f", from file {one.first_file} on"
        places = f"positions {one.first} to {one.last}"
        print(f"{one.service}: {files}{since}, {rows}, {places}, as they were written")


@event.command()
def restore(
    service: Service,
    *,
    from_: Annotated[Path, typer.Option("--from", help="The folder of the service's archives.")],
    reason: Reason = "",
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Put archived rows back into the journal, each where it was; what is there stays."""
    operator = operator_of(file, state)
    answer = operator.restore(service, from_.absolute(), who_asks(), reason)
    if json:
        print_json({"service": service, **answer})
    else:
        files, rows = counted(answer["files"], "file"), counted(answer["rows"], "row")
        print(f"{service}: {rows} put back, of {answer['read']} in {files}")


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
