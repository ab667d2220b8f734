"""``outgrow event``: what journals hold, who takes it, and what is stuck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.process.control import Operator

File = Annotated[Path, typer.Option("--file", help="The topology file.")]
State = Annotated[
    Path | None, typer.Option("--state", help="Where the processes keep their state.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FILE = Path("outgrow.toml")

event = typer.Typer(
    help="Look at events: what journals hold, who takes it, and what is stuck.",
    no_args_is_help=True,
)


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
    """List rows of a service's journal: events, and commands that were sent."""
    operator = _operator(file, state)
    answer = operator.journal(service, after=after, limit=limit, type=only, has_bodies=json)
    if json:
        print_json(answer)
        return
    titles = ["position", "kind", "type", "schema", "key", "recorded_at", "correlation_id"]
    print_columns(titles, ([row[title] for title in titles] for row in answer["rows"]))


@event.command()
def parked(*, file: File = FILE, state: State = None, json: Json = False) -> None:
    """List the keys that are parked or tried again: what failed, how often, and why."""
    keys, count, silent = _operator(file, state).waiting()
    if json:
        print_json({"keys": keys, "keys_count": count, "silent": silent})
    else:
        titles = ["state", "consumer", "source", "key", "messages", "attempts", "waiting_since"]
        titles += ["due_at", "process", "error"]
        print_columns(titles, ([_first_line(key[title]) for title in titles] for key in keys))
        if count > len(keys):
            print(f"and {count - len(keys)} more")
    _end(silent)


@event.command()
def replay(
    consumer: Annotated[str, typer.Argument(help="Such as books.count, or 'loans -> mail'.")],
    key: Annotated[str | None, typer.Argument(help="The key, as 'parked' lists it.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All keys of the consumer.")] = False,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Try again now what is parked or waits, as if it were new."""
    if (key is None) is not all_:
        message = "Name a key, as 'outgrow event parked' lists them, or --all; not both."
        raise typer.BadParameter(message)
    answer = _operator(file, state).replay(consumer, key)
    if json:
        print_json(answer)
    else:
        messages = _counted(answer["messages"], "message")
        print(f"{consumer}: {messages} will be tried again in process {answer['process']}")


@event.command()
def consumers(
    *,
    remove: Annotated[str | None, typer.Option(help="Remove this dead consumer.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """List who takes from journals: handlers and senders, and those that have no code any more."""
    operator = _operator(file, state)
    if remove is not None:
        _remove(operator, remove, is_sure=yes, json=json)
        return
    rows, silent = operator.consumers()
    if json:
        print_json({"consumers": rows, "silent": silent})
    else:
        titles = ["consumer", "source", "state", "position", "lag", "waiting", "parked", "process"]
        print_columns(titles, ([row[title] for title in titles] for row in rows))
    _end(silent)


def _remove(operator: Operator, consumer: str, *, is_sure: bool, json: bool) -> None:
    dead = operator.dead(consumer)
    if not is_sure:
        waiting = _counted(dead.waiting, "waiting message")
        question = f"{consumer} has no code any more. Remove it, and drop {waiting}?"
        typer.confirm(question, abort=True, err=True)
    answer = operator.remove(dead)
    if json:
        print_json(answer)
    else:
        dropped = _counted(answer["messages_dropped"], "waiting message")
        print(f"{consumer}: removed from process {dead.process}; {dropped} dropped")


def _operator(file: Path, state: Path | None) -> Operator:
    return Operator(state or file.parent / ".outgrow")


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _first_line(value: Any) -> Any:
    return value.partition("\n")[0] if isinstance(value, str) else value


def _end(silent: dict[str, str]) -> None:
    """Say who did not answer; then the status is 1."""
    for process, why in silent.items():
        print_to_stderr(f"{process}: did not answer. {why}")
    if silent:
        raise typer.Exit(1)
