"""The catalogue as Markdown: a page that can be committed and linked to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from outgrow.process.showing.catalogue import (
    ShownContract,
    ShownEvent,
    ShownField,
    ShownMethod,
    ShownService,
    ShownUse,
)
from outgrow.process.showing.promises import PROMISES, words_of_use


def as_markdown(services: Iterable[ShownService]) -> str:
    """All of *services*, each under a heading."""
    lines = [line for service in services for line in _service(service)]
    return "\n".join(lines).rstrip() + "\n"


def _service(service: ShownService) -> Iterator[str]:
    yield from (f"# {service.name}", "")
    yield from (f"Kept in `{service.package}`.", "")
    for contract in service.contracts:
        yield from _contract(contract)
    if service.events:
        yield from ("## Events", "")
    for event in service.events:
        yield from _event(event)
    if service.records or service.choices:
        yield from ("## Types", "", "| type | holds |", "|---|---|")
        for name, fields in service.records.items():
            yield f"| `{name}` | {_fields(fields)} |"
        for name, values in service.choices.items():
            yield f"| `{name}` | {', '.join(f'`{_cell(value)}`' for value in values)} |"
        yield ""
    if service.calls:
        yield from (f"Calls {', '.join(f'`{call}`' for call in service.calls)}.", "")


def _contract(contract: ShownContract) -> Iterator[str]:
    version = f", version {contract.version}" if contract.version > 1 else ""
    yield from (f"## {contract.name}{version}", "")
    if contract.doc:
        yield from (contract.doc, "")
    for method in contract.methods:
        yield from _method(method)


def _method(method: ShownMethod) -> Iterator[str]:
    yield from (f"### {method.name}", "", "```python", method.signature, "```", "")
    if method.doc:
        yield from (method.doc, "")
    yield f"- {method.kind}: {PROMISES[method.repeat]}"
    if method.http is not None:
        yield f"- HTTP: `{method.http}`"
    if method.allow is not None:
        yield f"- permission: `{method.allow}`"
    if method.deadline_seconds is not None:
        yield f"- deadline: {method.deadline_seconds:g} s"
    for parameter in method.parameters:
        if parameter.limits:
            yield f"- `{parameter.name}`: {', '.join(parameter.limits)}"
    if method.problems:
        told = [f"`{name}` ({status})" for name, status in method.problems.items()]
        yield f"- problems: {', '.join(told)}"
    yield from _uses("called by", method.called_by)
    yield ""


def _event(event: ShownEvent) -> Iterator[str]:
    yield from (f"### {event.type}", "")
    if event.doc:
        yield from (event.doc, "")
    yield f"- fields: {_fields(event.fields)}"
    yield f"- order: {f'by `{event.key}`' if event.key else 'none is promised'}"
    yield f"- schema: {event.schema}"
    if event.aliases:
        yield f"- before: {', '.join(f'`{alias}`' for alias in event.aliases)}"
    yield from _uses("heard by", event.heard_by)
    yield ""


def _uses(title: str, uses: list[ShownUse]) -> Iterator[str]:
    told = ", ".join(f"`{use.by}` ({words_of_use(use)})" for use in uses)
    yield f"- {title}: {told or 'no service'}"


def _fields(fields: list[ShownField]) -> str:
    told = (
        f"`{_cell(str(field))}`" + (f" ({_cell(', '.join(field.limits))})" if field.limits else "")
        for field in fields
    )
    return ", ".join(told) or "nothing"


def _cell(text: str) -> str:
    """*text* inside of a table, where a bar would end the cell."""
    return text.replace("|", "\\|")
