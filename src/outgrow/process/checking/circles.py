"""Services that wait for each other in a circle, and calls that are no good together."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from outgrow.errors import Finding
from outgrow.process.checking.callgraph import Call, CallGraph, method_of
from outgrow.process.checking.sources import Sources
from outgrow.process.service import ServiceModel
from outgrow.sagas import code_of

N = TypeVar("N")


def circle_findings(graph: CallGraph, services: Iterable[ServiceModel]) -> Iterator[Finding]:
    """
    Methods that wait for each other in a circle, and services that do by different methods.

    A circle of methods is an error: it ends only if something besides the calls ends it. A circle
    of services is a warning: each call ends, but none of the services is there without the others.
    """
    waits: dict[object, dict[object, Call]] = {}
    between: dict[object, dict[object, Call]] = {}
    names = {service.cls: service.name for service in services}
    for call in graph.calls:
        if call.is_sent:
            continue
        waits.setdefault(call.caller, {}).setdefault(call.callee, call)
        caller, callee = names[call.caller[0]], names[call.callee[0]]
        if caller != callee:
            between.setdefault(caller, {}).setdefault(callee, call)
    told: set[frozenset[str]] = set()
    for circle in _circles(waits):
        told.add(frozenset(names[call.caller[0]] for call in circle))
        yield _method_circle(circle)
    for circle in _circles(between):
        members = frozenset(names[call.caller[0]] for call in circle)
        if members not in told:
            yield _service_circle(circle, sorted(members))


def query_findings(graph: CallGraph, services: Iterable[ServiceModel]) -> Iterator[Finding]:
    """Queries that call or send a command, of another service or of their own."""
    queries = {
        (service.cls, name): (service, method.full_name)
        for service in services
        for contract in service.contracts
        for name, method in contract.methods.items()
        if method.kind == "query"
    }
    for call in graph.calls:
        if call.caller in queries and call.kind == "command":
            verb = "sends" if call.is_sent else "calls"
            yield _changing_query(call.place, call.caller_name, verb, call.callee_name, call)
    for node, (service, name) in queries.items():
        seen = set()
        for (_, own), place in graph.own_calls(node):
            method = method_of(service, own)
            if method is not None and method.kind == "command" and own not in seen:
                seen.add(own)
                yield _changing_query(place, name, "calls", method.full_name)


def distributed_findings(
    graph: CallGraph, services: Iterable[ServiceModel], sources: Sources
) -> Iterator[Finding]:
    """Commands that are no sagas, and call commands of two other services."""
    names = {service.cls: service.name for service in services}
    changing: dict[object, list[Call]] = {}
    for call in graph.calls:
        cls, name = call.caller
        if call.kind != "command" or call.is_sent or names[cls] == names[call.callee[0]]:
            continue
        if code_of(getattr(cls, name, None)) is None:
            changing.setdefault(call.caller, []).append(call)
    declared = {
        (service.cls, name)
        for service in services
        for contract in service.contracts
        for name, method in contract.methods.items()
        if method.kind == "command"
    }
    for caller, calls in changing.items():
        second = next((one for one in calls[1:] if _is_second(sources, names, calls, one)), None)
        if caller in declared and second is not None:
            yield _distributed(calls, second)


def _is_second(sources: Sources, names: Mapping[type, str], calls: list[Call], one: Call) -> bool:
    """Whether another service was told to change something before *one* tells its own."""
    return any(
        names[other.callee[0]] != names[one.callee[0]] and not _is_either(sources, other, one)
        for other in calls[: calls.index(one)]
    )


def _is_either(sources: Sources, first: Call, second: Call) -> bool:
    """Whether the two stand in different branches of one function, so that one happens."""
    (file, line), (other, second_line) = (one.place.rsplit(":", 1) for one in (first, second))
    tree = sources.tree(Path(file)) if file == other and first.through == second.through else None
    if tree is None:
        return False
    lines = int(line), int(second_line)
    branches: list[list[list[ast.stmt]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            branches.append([node.body, node.orelse])
        elif isinstance(node, ast.Match):
            branches.append([case.body for case in node.cases])
    for several in branches:
        at = [
            next((n for n, body in enumerate(several) if _holds(body, number)), None)
            for number in lines
        ]
        if None not in at and at[0] != at[1]:
            return True
    return False


def _holds(body: list[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _distributed(calls: list[Call], second: Call) -> Finding:
    before = next(call for call in calls if call.callee[0] is not second.callee[0])
    name = second.caller_name
    return Finding(
        place=second.place,
        message=f"{name} calls commands of two services, {before.callee_name} and "
        f"{second.callee_name}: this is a distributed transaction.",
        remedy=f"If {second.callee_name} fails, or the process dies before it, what "
        f"{before.callee_name} did stays. Make {name} a saga (@saga), in which each step has what "
        "undoes it; or send one of them (tx.send) from a transaction.",
        slug="distributed-transaction",
        severity="warning",
    )


def _changing_query(
    place: str, query: str, verb: str, command: str, call: Call | None = None
) -> Finding:
    through = f", through {' and '.join(call.through)}" if call and call.through else ""
    return Finding(
        place=place,
        message=f"query {query} {verb} the command {command}{through}.",
        remedy="A query changes nothing: it is repeated at will, by outgrow too, and each time "
        f"without a key. Declare {query} a command, or call the command elsewhere.",
        slug="command-from-query",
    )


def _method_circle(circle: list[Call]) -> Finding:
    return Finding(
        place=circle[0].place,
        message=f"methods wait for each other in a circle: {_names(circle)}.",
        remedy=f"{_places(circle)}\nEach waits for the next with its caller's deadline running, "
        "and apart it can wait for itself. Let one of them send (tx.send) or listen to an event "
        "(@on), or move what both need into a third service.",
        slug="call-circle",
    )


def _service_circle(circle: list[Call], members: list[str]) -> Finding:
    return Finding(
        place=circle[0].place,
        message=f"services {' and '.join(members)} call each other, by different methods.",
        remedy=f"{_places(circle)}\nNo call waits for itself, but none of them works without the "
        "others, so they are no candidates for a split. An event (@on) or a sent command (tx.send) "
        "in one direction opens the circle.",
        slug="service-circle",
        severity="warning",
    )


def _names(circle: list[Call]) -> str:
    return " -> ".join([*(call.caller_name for call in circle), circle[0].caller_name])


def _places(circle: list[Call]) -> str:
    return "\n".join(
        f"{call.caller_name} calls {call.callee_name} at {call.place}"
        + (f", through {' and '.join(call.through)}" if call.through else "")
        for call in circle
    )


def _circles(edges: Mapping[N, Mapping[N, Call]]) -> list[list[Call]]:
    """
    A shortest circle through each node that is in one; equal ones once.

    Each begins where its name is first in order of letters, so that it is told the same each time.
    """
    found: dict[frozenset[str], list[Call]] = {}
    for begin in edges:
        circle = _shortest(edges, begin)
        if circle:
            first = min(range(len(circle)), key=lambda n: circle[n].caller_name)
            turned = [*circle[first:], *circle[:first]]
            found.setdefault(frozenset(f"{c.caller_name} {c.callee_name}" for c in circle), turned)
    return sorted(found.values(), key=_names)


def _shortest(edges: Mapping[N, Mapping[N, Call]], begin: N) -> list[Call]:
    """The shortest way from *begin* back to it; empty if there is none."""
    ways: dict[N, list[Call]] = {begin: []}
    waiting = [begin]
    while waiting:
        node = waiting.pop(0)
        for target, call in edges.get(node, {}).items():
            way = [*ways[node], call]
            if target == begin:
                return way
            if target not in ways:
                ways[target] = way
                waiting.append(target)
    return []
