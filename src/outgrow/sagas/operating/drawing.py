"""Sagas as drawings in the language of Mermaid, https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from collections.abc import Iterator

from outgrow.sagas.operating.flow import (
    ALL,
    BEGIN,
    CHOICE,
    COMPLETED,
    LOOP,
    SLEEP,
    STEP,
    UNDONE,
    UNTIL,
    Flow,
)
from outgrow.sagas.operating.showing import SagaShown, StepShown

_SHAPES = {
    BEGIN: ("([", "])"),
    STEP: ("[", "]"),
    ALL: ("[[", "]]"),
    SLEEP: ("(", ")"),
    UNTIL: ("(", ")"),
    CHOICE: ("{", "}"),
    LOOP: ("{{", "}}"),
    COMPLETED: ("([", "])"),
    UNDONE: ("([", "])"),
}
_CLASSES = (
    "classDef pivot stroke-width:3px",
    "classDef undo stroke-dasharray:4",
    "classDef planned fill:#fff3bf,color:#000",
    "classDef reply fill:#d3f9d8,color:#000",
    "classDef problem fill:#ffe3e3,color:#000",
    "classDef undone fill:#e9ecef,color:#000",
    "classDef skipped fill:#e5dbff,color:#000",
)


def draw_code(flow: Flow) -> str:
    """What the method of a saga does: its steps, what undoes them, and what it waits for."""
    return _drawn(_code_lines(flow))


def draw_written(saga: SagaShown) -> str:
    """What is written down of a saga: what it did, in its order, and what became of it."""
    return _drawn(_written_lines(saga))


def _code_lines(flow: Flow) -> Iterator[str]:
    for place in flow.places:
        label = f"{place.label}, the pivot" if place.is_pivot else place.label
        yield _node(f"p{place.number}", label, *_SHAPES[place.kind], "pivot" * place.is_pivot)
        if place.undo is not None:
            yield _node(f"u{place.number}", place.undo.name, "[", "]", "undo")
            yield f"p{place.number} -. undo .-> u{place.number}"
    for origin, target, said in flow.ways:
        yield _way(f"p{origin.number}", f"p{target.number}", said)


def _written_lines(saga: SagaShown) -> Iterator[str]:
    told = saga.told
    version = f" version {told.version}" if told.version != 1 else ""
    yield _node("begin", f"{told.saga}{version}", "([", "])")
    before = "begin"
    for step in saga.steps:
        here = f"s{step.number}"
        yield _node(here, _said(step), "[", "]", step.state)
        yield _way(before, here, "")
        if step.undo is not None:
            is_now = told.is_undoing and told.step == f"{step.number} {step.undo}"
            state = "planned" if is_now else step.state if step.state == "undone" else "undo"
            yield _node(f"u{step.number}", step.undo, "[", "]", state)
            yield f"{here} -. undo .-> u{step.number}"
        before = here
    yield _node("state", told.state, "([", "])")
    yield _way(before, "state", "")


def _said(step: StepShown) -> str:
    pivot = ", the pivot" if step.is_pivot else ""
    what = step.name if step.kind == STEP else f"{step.kind} {step.name}".rstrip()
    return f"{step.number} {what}{pivot}: {step.state}"


def _drawn(lines: Iterator[str]) -> str:
    return "\n    ".join(["flowchart TD", *lines, *_CLASSES])


def _node(name: str, label: str, left: str, right: str, kind: str = "") -> str:
    return f"{name}{left}{_quoted(label)}{right}" + (f":::{kind}" if kind else "")


def _way(origin: str, target: str, said: str) -> str:
    return f"{origin} -- {_quoted(said)} --> {target}" if said else f"{origin} --> {target}"


def _quoted(text: str) -> str:
    """*text* so that nothing in it means something to Mermaid."""
    told = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return f'"{told.replace(">", "#gt;").replace(chr(10), " ")}"'
