"""``outgrow event consumers``: who takes what journals hold, and how far each is."""

from __future__ import annotations

from typing import Annotated

import typer

from outgrow.cli.desks import FILE, File, Json, State, Yes
from outgrow.cli.events.group import counted, end, event, operator_of
from outgrow.cli.printing import print_columns, print_json
from outgrow.process.control import Operator


@event.command()
def consumers(
    *,
    remove: Annotated[str | None, typer.Option(help="Remove this dead consumer.")] = None,
    yes: Yes = False,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """List who takes from journals: handlers and senders, and those that have no code any more."""
    operator = operator_of(file, state)
    if remove is not None:
        _remove(operator, remove, is_sure=yes, json=json)
        return
    rows, silent = operator.consumers()
    if json:
        print_json({"consumers": rows, "silent": silent})
    else:
        titles = ["consumer", "source", "state", "position", "lag", "waiting", "parked", "process"]
        print_columns(titles, ([row[title] for title in titles] for row in rows))
    end(silent)


def _remove(operator: Operator, consumer: str, *, is_sure: bool, json: bool) -> None:
    dead = operator.dead(consumer)
    if not is_sure:
        waiting = counted(dead.waiting, "waiting message")
        question = f"{consumer} has no code any more. Remove it, and drop {waiting}?"
        typer.confirm(question, abort=True, err=True)
    answer = operator.remove(dead)
    if json:
        print_json(answer)
    else:
        dropped = counted(answer["messages_dropped"], "waiting message")
        print(f"{consumer}: removed from process {dead.process}; {dropped} dropped")
