"""What is wrong with the code of a saga, as far as its text shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from outgrow.contracts import Method, place_at
from outgrow.errors import Finding
from outgrow.journal import is_transactional
from outgrow.sagas.code import Code
from outgrow.sagas.operating.flow import STEP, Asked, Flow, Place, Text
from outgrow.sagas.operating.reading import read_flow
from outgrow.sagas.targets import method_named

_MAKERS = {"gather", "create_task", "ensure_future", "wait", "wait_for", "shield", "as_completed"}
"""What makes tasks of what it is given; a step is awaited by its saga's own."""


def saga_findings(service: type, code: Code) -> list[Finding]:
    """
    What is wrong with a saga of the class *service*.

    An error is refused when the saga comes to it. A warning is something that works until a saga
    is undone.
    """
    flow = read_flow(service, code)
    found: list[Finding] = []
    for step in flow.steps:
        assert step.do is not None, "each has one"
        found += _refused(service, flow, step, step.do)
        if step.undo is not None:
            found += _undo(service, flow, step, step.do, step.undo)
        elif _needs_undo(flow, step):
            found.append(_unprotected(flow, step))
    for text in flow.texts:
        found += _mistakes(flow, text)
    return list(dict.fromkeys(found))


def _refused(service: type, flow: Flow, step: Place, asked: Asked) -> Iterator[Finding]:
    """A method that can be no step, or no undo."""
    method = asked.method
    if method is not None and not method.is_keyed:
        if method.kind == "query":
            why, remedy = "a query changes nothing", "Await it directly: it is written down too."
        else:
            why = 'it is declared repeat="unsafe", and a step is repeated until it answers'
            remedy = "Let its service keep it by @transactional, and declare it without repeat=."
        yield _finding(
            flow, step, f"{asked.name} cannot be a step: {why}.", remedy, slug="saga-step-refused"
        )
    elif asked.service == flow.saga.partition(".")[0] and method is None:
        own = getattr(service, asked.name.partition(".")[2], None)
        if own is not None and not is_transactional(own):
            message = f"{asked.name} cannot be a step: it is not @transactional."
            remedy = (
                "What it does and that it was done are one commit. Mark it, or make a step of each "
                "command that it calls."
            )
            yield _finding(flow, step, message, remedy, slug="saga-step-refused")


def _undo(service: type, flow: Flow, step: Place, do: Asked, undo: Asked) -> Iterator[Finding]:
    yield from _refused(service, flow, step, undo)
    if do.service is not None and undo.service is not None and do.service != undo.service:
        yield _finding(
            flow,
            step,
            f"{undo.name} cannot undo {do.name}, which another service does.",
            "Only the service that does a step knows whether it did. Give it a method that undoes.",
            slug="saga-step-refused",
        )
    method = _declared(service, undo)
    if method is not None and method.problems:
        names = ", ".join(sorted(kind.__name__ for kind in method.problems.values()))
        yield _finding(
            flow,
            step,
            f"{undo.name} undoes {do.name} and can raise {names}.",
            "An undo has no choice: it is tried until it succeeds, and the saga is stuck if it "
            "never does. Let it succeed if there is nothing to undo, and raise no problem.",
            slug="saga-undo-problem",
            severity="warning",
        )


def _declared(service: type, asked: Asked) -> Method | None:
    """What a contract says of the method."""
    if asked.method is not None or asked.service is None:
        return asked.method
    return method_named(service, asked.name.partition(".")[2])


def _needs_undo(flow: Flow, step: Place) -> bool:
    """Whether something that can fail comes after *step*, or beside it, and no pivot before."""
    if step.is_pivot:
        return False
    if any(step in flow.behind(place) for place in flow.steps if place.is_pivot):
        return False
    if any(place.kind == STEP for place in flow.behind(step)):
        return True
    together = [
        place for place in flow.steps if step.group is not None and place.group is step.group
    ]
    is_each = any(target is step and said == "each" for _, target, said in flow.ways)
    return len(together) > 1 or is_each


def _unprotected(flow: Flow, step: Place) -> Finding:
    return _finding(
        flow,
        step,
        f"{step.label} is not the last step of {flow.saga}, and has neither an undo nor is the "
        "pivot.",
        "If a later step fails, it stays done. Write .undo(...) behind it, or .pivot() if nothing "
        "is undone any more once it is done.",
        slug="saga-step-without-undo",
        severity="warning",
    )


def _mistakes(flow: Flow, text: Text) -> Iterator[Finding]:
    """Steps that are never awaited, or by another task."""
    awaited = {id(n.value) for n in ast.walk(text.node) if isinstance(n, ast.Await)}
    used = {n.id for n in ast.walk(text.node) if isinstance(n, ast.Name) and _is_read(n)}
    for node in ast.walk(text.node):
        match node:
            case ast.Expr(value=value) if id(value) not in awaited and _is_step(value, text):
                yield _not_awaited(flow, text, value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                name not in used and _is_step(value, text)
            ):
                yield _not_awaited(flow, text, value)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _MAKERS:
                if any(_is_step(n, text) for a in node.args for n in ast.walk(a)):
                    yield _gathered(flow, text, node, name)


def _is_read(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _is_step(node: ast.AST, text: Text) -> bool:
    """Whether it makes a step: ``run.step(...)``, with what is said of its undo behind it."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr == STEP and isinstance(owner, ast.Name):
            return owner.id == text.run
        node = owner
    return False


def _not_awaited(flow: Flow, text: Text, node: ast.expr) -> Finding:
    return Finding(
        place=place_at(flow.file, text.first_line + node.lineno - 1),
        message=f"a step of {flow.saga} is made and never awaited.",
        remedy="It is not done, and the saga is undone at its end. Write await, or await several "
        "by run.all(...).",
        slug="saga-step-not-awaited",
    )


def _gathered(flow: Flow, text: Text, node: ast.Call, name: str) -> Finding:
    return Finding(
        place=place_at(flow.file, text.first_line + node.lineno - 1),
        message=f"steps of {flow.saga} are awaited by {name}, in other tasks than the saga's.",
        remedy="A replay would not know their order. Do them at the same time by "
        "await run.all(first, second).",
        slug="saga-step-refused",
    )


def _finding(
    flow: Flow, step: Place, message: str, remedy: str, *, slug: str, severity: str = "error"
) -> Finding:
    return Finding(
        place=place_at(flow.file, step.line),
        message=message,
        remedy=remedy,
        slug=slug,
        severity=severity,  # type: ignore[arg-type]
    )
