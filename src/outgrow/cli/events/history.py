"""``outgrow event history``: who did what, when, under a key or for one request."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outgrow.cli.desks import FILE, File, Json, State
from outgrow.cli.events.group import end, event, operator_of
from outgrow.cli.printing import print_columns, print_json


@event.command()
def history(
    key: Annotated[
        str | None, typer.Argument(help="The key of events, such as an order's.")
    ] = None,
    *,
    service: Annotated[
        str | None, typer.Option(help="Only the journal of this service; else all.")
    ] = None,
    correlation: Annotated[
        str | None, typer.Option(help="Only what came of the request with this id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many rows.")] = 100,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Tell who did what, when: events, sent commands, and what operators decided."""
    if key is None and correlation is None:
        message = "Name a key, or --correlation with the id of a request."
        raise typer.BadParameter(message)
    rows, silent = operator_of(file, state).history(service, key, correlation, limit)
    _trace_causes(rows)
    if json:
        print_json({"rows": rows, "silent": silent})
    else:
        titles = ["recorded_at", "who", "kind", "type", "key", "service", "position"]
        titles += ["correlation_id", "because_of"]
        print_columns(titles, ([row[title] for title in titles] for row in rows))
    end(silent)


def _trace_causes(rows: list[dict[str, Any]]) -> None:
    """Let each row name the one of *rows* that led to it, if it is among them."""
    places = {row["id"]: f"{row['service']} {row['position']}" for row in rows}
    for row in rows:
        # The cause is a command's key, which is its row's id if it was sent, or <id>/<handler>.
        cause, _, handler = (row["cause"] or "").partition("/")
        place = places.get(cause)
        row["because_of"] = f"{place} by {handler}" if place and handler else place
