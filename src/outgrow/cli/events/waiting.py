"""``outgrow event parked``, ``replay`` and ``drop``: what is stuck, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from outgrow.cli.desks import FILE, Desk, File, Json, State, who_asks
from outgrow.cli.events.group import at_desk, counted, end, event, first_line, operator_of
from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.errors import ControlError
from outgrow.process.control import Operator

Consumer = Annotated[str, typer.Argument(help="Such as books.count, or 'loans -> mail'.")]
SHOWN = 10


@event.command()
def parked(*, file: File = FILE, state: State = None, json: Json = False) -> None:
    """List the keys that are parked or tried again: what failed, how often, and why."""
    keys, count, silent = operator_of(file, state).waiting()
    if json:
        print_json({"keys": keys, "keys_count": count, "silent": silent})
    else:
        titles = ["state", "consumer", "source", "key", "messages", "attempts", "waiting_since"]
        titles += ["due_at", "process", "error"]
        print_columns(titles, ([first_line(key[title]) for title in titles] for key in keys))
        if count > len(keys):
            print(f"and {count - len(keys)} more")
    end(silent)


@event.command()
def replay(
    consumer: Consumer,
    key: Annotated[str | None, typer.Argument(help="The key, as 'parked' lists it.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All keys of the consumer.")] = False,
    reason: Annotated[str, typer.Option(help="Kept with who asked, in the journal.")] = "",
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """Try again now what is parked or waits, as if it were new."""
    if (key is None) is not all_:
        message = "Name a key, as 'outgrow event parked' lists them, or --all; not both."
        raise typer.BadParameter(message)
    answer = operator_of(file, state).replay(consumer, key, who_asks(), reason)
    if key is not None and not answer["messages"]:
        raise _nothing(f"{consumer}, key {key!r}")
    if json:
        print_json(answer)
    else:
        messages = counted(answer["messages"], "message")
        print(f"{consumer}: {messages} will be tried again in process {answer['process']}")


@event.command()
@at_desk
def drop(
    consumer: Consumer,
    key: Annotated[str, typer.Argument(help="The key, as 'parked' lists it.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with who asked, in the journal.")],
    all_: Annotated[bool, typer.Option("--all", help="All that waits under the key.")] = False,
    position: Annotated[
        int | None, typer.Option(help="The message with this position; else the first.")
    ] = None,
    desk: Desk[Operator],
) -> None:
    """Let a consumer never handle a message that waits for it, so that its key flows on."""
    if all_ and position is not None:
        message = "Name a position, or --all; not both."
        raise typer.BadParameter(message)
    line = desk.operator.line(consumer, key)
    chosen = _chosen(line, f"{consumer}, key {key!r}", position, is_all=all_)
    if not desk.is_sure:
        _tell(consumer, key, chosen, len(line))
        typer.confirm("Drop?", abort=True, err=True)
    which: dict[str, Any] = {"all": True}
    if not all_:
        which = {"position": chosen[0]["position"], "source": chosen[0]["source"]}
    answer = desk.operator.drop(consumer, key, who_asks(), reason, **which)
    if desk.is_json:
        print_json(answer)
    else:
        dropped = counted(answer["messages"], "message")
        print(f"{consumer}: {dropped} dropped in process {answer['process']}")


def _nothing(what: str) -> ControlError:
    return ControlError(f"{what}: nothing waits. What does is listed by 'outgrow event parked'.")


def _chosen(
    line: list[dict[str, Any]], what: str, position: int | None, *, is_all: bool
) -> list[dict[str, Any]]:
    """Those of *line* that are meant: the first, unless something else is said."""
    if not line:
        raise _nothing(what)
    if is_all:
        return line
    chosen = [row for row in line if position in (None, row["position"])]
    if not chosen:
        places = ", ".join(str(row["position"]) for row in line[:SHOWN])
        message = f"{what}: nothing waits with position {position}. There are: {places}."
        raise ControlError(message)
    return chosen[:1]


def _tell(consumer: str, key: str, chosen: list[dict[str, Any]], waiting: int) -> None:
    """Say what is about to be dropped."""
    lines = [f"{consumer} will never handle, under key {key!r}:"]
    for row in chosen[:SHOWN]:
        what = f"position {row['position']} of {row['source']}: {row['type']}, id {row['id']}"
        why = f", {row['state']} after {row['attempts']} attempts" if row["attempts"] else ""
        lines.append(f"  {what}{why}")
        if row["error"]:
            lines.append(f"    {first_line(row['error'])}")
    if len(chosen) > SHOWN:
        lines.append(f"  and {len(chosen) - SHOWN} more")
    behind = waiting - len(chosen)
    if behind:
        lines.append(f"{counted(behind, 'message')} under the same key will flow on.")
    print_to_stderr("\n".join(lines))
