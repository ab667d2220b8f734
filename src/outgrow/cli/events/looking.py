"""``outgrow event list``, ``show`` and ``timers``: what journals hold, and what they will."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from outgrow.cli.desks import FILE, File, Json, State
from outgrow.cli.events.group import cut, end, event, first_line, operator_of
from outgrow.cli.printing import print_columns, print_json

COLUMNS = ("id", "kind", "type", "schema", "key", "partition", "destination", "recorded_at")
ORIGIN = ("cause", "correlation_id", "trace", "tenant", "stream", "version")


@event.command("list")
def list_(
    service: Annotated[str, typer.Argument(help="The service whose journal it is.")],
    *,
    after: Annotated[
        int | None, typer.Option(help="The rows behind this position; else the newest.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows.")] = 20,
    only: Annotated[
        str | None, typer.Option("--type", help="Only rows of this type, by any name it had.")
    ] = None,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """List rows of a service's journal: events, sent commands, and what operators decided."""
    operator = operator_of(file, state)
    answer = operator.journal(service, after=after, limit=limit, type=only, has_bodies=json)
    if json:
        print_json(answer)
        return
    titles = ["position", "kind", "type", "schema", "key", "recorded_at", "correlation_id"]
    print_columns(titles, ([cut(row[title]) for title in titles] for row in answer["rows"]))


@event.command()
def show(
    service: Annotated[str, typer.Argument(help="The service whose journal it is.")],
    row: Annotated[str, typer.Argument(help="The row's position, or its id.")],
    *,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Show one row of a journal with all its columns, and what each consumer has made of it."""
    told, fates, silent = operator_of(file, state).row(service, row)
    if json:
        print_json({**told, "consumers": fates, "silent": silent})
    else:
        _print_row(told)
        print()
        titles = ["consumer", "state", "attempts", "due_at", "process", "error"]
        print_columns(titles, ([first_line(fate[title]) for title in titles] for fate in fates))
    end(silent)


@event.command()
def timers(
    service: Annotated[
        str | None, typer.Argument(help="Only of this service; else of all.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many timers.")] = 20,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """List what is to be recorded or sent at a later moment, what is due first first."""
    rows, counts, silent = operator_of(file, state).timers(service, limit)
    if json:
        print_json({"timers": rows, "services": counts, "silent": silent})
    else:
        titles = ["due_at", "service", "kind", "type", "key", "destination", "name", "id"]
        print_columns(titles, ([cut(row[title]) for title in titles] for row in rows))
        more = sum(one["timers"] for one in counts) - len(rows)
        if more > 0:
            print(f"and {more} more")
    end(silent)


def _print_row(row: dict[str, Any]) -> None:
    caller = row["caller"]
    who = f"{caller.get('kind', 'anonymous')} {caller.get('subject', '')}".strip()
    told = {
        "service": row["service"],
        "position": row["position"],
        **{column: row[column] for column in COLUMNS},
        "caller": who,
        **{column: row[column] for column in ORIGIN},
        "body": msgspec.json.encode(row["body"]).decode(),
    }
    for name, value in told.items():
        if value is not None:
            print(f"{name:<15} {value}")
