"""``outgrow saga list`` and ``show``: which sagas there are, and all about one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from outgrow.cli.desks import FILE, File, Json, State, state_of
from outgrow.cli.printing import print_columns, print_json, print_to_stderr
from outgrow.cli.sagas.group import Id, saga
from outgrow.process.control import SagaOperator

CHARACTERS_SHOWN = 80
"""Of an error or a reply, in a column."""


@saga.command("list")
def list_(
    name: Annotated[
        str | None, typer.Argument(help="Only of this service, or this saga: service.method.")
    ] = None,
    *,
    state_: Annotated[
        list[str] | None,
        typer.Option("--in", help="Only in this state, such as stuck; several if repeated."),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only with this tag, as name=value; several: all.")
    ] = None,
    correlation: Annotated[
        str | None, typer.Option(help="Only what the request with this id began.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many sagas.")] = 50,
    file: File = FILE,
    state: State = None,
    json: Json = False,
) -> None:
    """List the sagas that have not ended, the stuck ones first, then the newest."""
    service, _, method = (name or "").partition(".")
    wanted = {
        "saga": name if method else None,
        "states": state_ or [],
        "tags": dict(_pair(one) for one in tag or []),
        "correlation_id": correlation,
        "limit": limit,
    }
    found, count, silent = SagaOperator(state_of(file, state)).sagas(service or None, wanted)
    sagas = found[:limit]
    if json:
        print_json({"sagas": sagas, "sagas_count": count, "silent": silent})
    else:
        titles = ["id", "saga", "state", "step", "age", "attempts", "due_at", "tags"]
        titles += ["correlation_id", "error"]
        print_columns(titles, ([_cell(one, title) for title in titles] for one in sagas))
        if count > len(sagas):
            print(f"and {count - len(sagas)} more")
    for process, why in silent.items():
        print_to_stderr(f"{process}: did not answer. {why}")
    if silent:
        raise typer.Exit(1)


@saga.command()
def show(saga_id: Id, *, file: File = FILE, state: State = None, json: Json = False) -> None:
    """Show one saga with all that is written down of it, and how each of its steps stands."""
    told = SagaOperator(state_of(file, state)).about("saga", saga_id)
    if json:
        print_json(told)
        return
    steps = told.pop("steps")
    for name, value in told.items():
        if value not in (None, {}, ""):
            print(f"{name:<15} {_text(value)}")
    print()
    titles = ["number", "kind", "name", "state", "undo", "pivot", "planned_at", "arguments"]
    titles += ["result"]
    print_columns(titles, ([_step_cell(step, title) for title in titles] for step in steps))


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        message = f"a tag is written as name=value, not {text!r}."
        raise typer.BadParameter(message)
    return name, value


def _cell(told: dict[str, Any], title: str) -> Any:
    if title == "age":
        return _age(told["age_seconds"])
    if title == "state" and told["state"] == "stuck" and told["is_undoing"]:
        return "stuck undoing"
    if title == "state" and told["waits_for"]:
        return f"waiting for {told['waits_for']}"
    if title == "tags":
        return ",".join(f"{name}={value}" for name, value in told["tags"].items())
    if title == "error":
        return _cut((told["error"] or "").partition("\n")[0])
    return told[title]


def _step_cell(step: dict[str, Any], title: str) -> Any:
    if title == "pivot":
        return "pivot" if step["is_pivot"] else None
    value = step[title]
    return _cut(_text(value)) if title in ("arguments", "result") and value is not None else value


def _age(seconds: float) -> str:
    """``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return f"{int(seconds)} s"


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[: CHARACTERS_SHOWN - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)
