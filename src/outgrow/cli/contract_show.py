"""``outgrow contract show``: what services promise, and who relies on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from outgrow.cli.printing import print_json

if TYPE_CHECKING:
    from outgrow.process.showing import ShownEvent, ShownField, ShownMethod, ShownService, ShownUse

Lines = Iterator[str]


def show(
    service: Annotated[
        str | None, typer.Argument(help="The short name of a service; without it, all.")
    ] = None,
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    file: Annotated[Path, typer.Option("--file", help="The topology file.")] = Path("outgrow.toml"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show methods, types, permissions and events of services, who calls them and who hears."""
    # Imported here: other commands start sooner without it.
    from outgrow.process.showing import as_markdown, read_catalogue  # noqa: PLC0415

    services = read_catalogue(file, service)
    if json:
        print_json(msgspec.to_builtins(services))
    elif markdown:
        print(as_markdown(services), end="")
    else:
        print("\n\n".join("\n".join(_service(each)) for each in services))


def _service(service: ShownService) -> Lines:
    for n, contract in enumerate(service.contracts):
        version = f", version {contract.version}" if contract.version > 1 else ""
        yield from [""] * (n > 0)
        yield f"{service.name}: contract {contract.name}{version}  {contract.place}"
        yield from _indented(contract.doc, 0)
        for method in contract.methods:
            yield ""
            yield from _method(method)
    for event in service.events:
        yield ""
        yield from _event(event)
    if service.records or service.choices:
        yield from ("", "  types")
    for name, fields in service.records.items():
        yield f"    {name}({', '.join(map(_with_limits, fields))})"
    for name, values in service.choices.items():
        yield f"    {name}: {', '.join(values)}"
    if service.calls:
        yield from ("", f"  calls {', '.join(service.calls)}")


def _method(method: ShownMethod) -> Lines:
    from outgrow.process.showing import PROMISES  # noqa: PLC0415

    yield f"  {method.signature}"
    yield from _indented(method.doc, 4)
    deadline = f"{method.deadline_seconds:g} s" if method.deadline_seconds is not None else None
    yield from _rows(
        {
            method.kind: [PROMISES[method.repeat]],
            "http": [method.http],
            "permission": [method.allow],
            "deadline": [deadline],
            "limits": [f"{p.name}: {', '.join(p.limits)}" for p in method.parameters if p.limits],
            "problems": [f"{name} ({status})" for name, status in method.problems.items()],
            "called by": _uses(method.called_by),
        }
    )


def _event(event: ShownEvent) -> Lines:
    yield f"  event {event.type}({', '.join(map(_with_limits, event.fields))})"
    yield from _indented(event.doc, 4)
    schema = str(event.schema) if event.schema > 1 else None
    yield from _rows(
        {
            "ordered by": [event.key or "nothing"],
            "schema": [schema],
            "before": event.aliases,
            "heard by": _uses(event.heard_by),
        }
    )


def _uses(uses: list[ShownUse]) -> list[str]:
    from outgrow.process.showing import words_of_use  # noqa: PLC0415

    width = max((len(use.by) for use in uses), default=0)
    return [f"{use.by:{width}}  {words_of_use(use)}" for use in uses] or ["no service"]


def _rows(rows: dict[str, Iterable[str | None]]) -> Lines:
    """What is said under each title; a title without anything is left out."""
    for title, texts in rows.items():
        for n, text in enumerate(text for text in texts if text is not None):
            yield f"    {title if n == 0 else '':10}  {text}"


def _indented(text: str, by: int) -> Lines:
    for line in text.splitlines():
        yield f"{' ' * by}{line}".rstrip()


def _with_limits(field: ShownField) -> str:
    return f"{field} ({', '.join(field.limits)})" if field.limits else str(field)
