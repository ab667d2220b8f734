"""Changes of the methods of a contract: what they take and give, and their problems."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from outgrow.contracts.comparing.change import Change, told
from outgrow.contracts.comparing.edits import Use, judge
from outgrow.contracts.comparing.fields import Fields, field_edits, type_edit
from outgrow.contracts.comparing.promises import (
    promise_changes,
    renamed_in_path,
    streams_of,
)
from outgrow.contracts.comparing.records import type_edits
from outgrow.contracts.comparing.uses import Uses, use_of
from outgrow.contracts.descriptions import (
    ContractDescription,
    MethodDescription,
    ProblemDescription,
)


def contract_changes(old: ContractDescription, new: ContractDescription) -> Iterator[Change]:
    """What changed in a contract that both sides have."""
    gone = [name for name in old.methods if name not in new.methods]
    added = [name for name in new.methods if name not in old.methods]
    for before, after in _renamed(old, new, gone, added):
        gone.remove(before)
        added.remove(after)
        yield _rename(before, after, new.methods[after])
    yield from (_removal(name, old.methods[name]) for name in gone)
    yield from (_addition(name, new.methods[name]) for name in added)
    for name in [name for name in old.methods if name in new.methods]:
        yield from _method_changes(name, old, new)
    uses = Uses(old, new)
    for name, edit in type_edits(old, new):
        if found := uses.of(name):
            yield judge(edit, found)
    for name in [name for name in old.problems if name in new.problems]:
        yield from _problem_changes(name, old, new)


def _renamed(
    old: ContractDescription, new: ContractDescription, gone: list[str], added: list[str]
) -> list[tuple[str, str]]:
    """Methods that only have another name; nothing if that is not plain."""
    pairs = [
        (before, after)
        for before in gone
        for after in added
        if _nameless(old.methods[before]) == _nameless(new.methods[after])
    ]
    names = [name for pair in pairs for name in pair]
    return pairs if len(set(names)) == len(names) else []


def _nameless(method: MethodDescription) -> MethodDescription:
    return msgspec.structs.replace(method, doc="", place="", http="")


_MOVE = (
    "Add the new method beside the old one; let consumers move; then remove the old one, which "
    "needs no version of its own."
)


def _rename(before: str, after: str, method: MethodDescription) -> Change:
    text = "{} callers of {}: {} providers have no such method"
    return told(
        "method-renamed",
        method.place,
        f"{before} is now called {after}.",
        consumers=text.format("old", before, "new"),
        providers=text.format("new", after, "old"),
        stored=_waiting(before) if method.repeat == "idempotent" else None,
        remedy=_MOVE,
    )


def _removal(name: str, method: MethodDescription) -> Change:
    return told(
        "method-removed",
        method.place,
        f"{name} is gone.",
        consumers=f"old callers of {name}: new providers have no such method",
        stored=_waiting(name) if method.repeat == "idempotent" else None,
        remedy="Remove it when nobody calls it any more and no command to it waits.",
    )


def _waiting(name: str) -> str:
    return f"commands to {name} that wait cannot be delivered"


def _addition(name: str, method: MethodDescription) -> Change:
    return told(
        "method-added",
        method.place,
        f"{name} is new.",
        providers=f"new callers of {name}: old providers have no such method",
        remedy="Deploy the provider before the first who calls it.",
    )


def _method_changes(
    name: str, old: ContractDescription, new: ContractDescription
) -> Iterator[Change]:
    before, after = old.methods[name], new.methods[name]
    yield from promise_changes(name, before, after)
    in_path = renamed_in_path(before, after)
    told = set() if streams_of(before) == streams_of(after) else _streams(before, after)
    fields = Fields(
        kind="parameter",
        owner=name,
        place=after.place,
        old=[one for one in before.parameters if one.name not in told],
        new=[one for one in after.parameters if one.name not in told],
        books=(old, new),
        in_path=frozenset(in_path),
    )
    for edit in field_edits(fields):
        yield judge(edit, [use_of("request", name, before, after)])
    if before.reply != after.reply and before.is_reply_stream == after.is_reply_stream:
        books, types = (old, new), (before.reply, after.reply)
        edit = type_edit("reply", after.place, f"the reply of {name}", books, types)
        yield judge(edit, [use_of("reply", name, before, after)])
    for problem in sorted({*before.problems} - {*after.problems}):
        yield _undeclared(name, problem, before, after)
    for problem in sorted({*after.problems} - {*before.problems}):
        yield _declared(name, problem, after)


def _streams(old: MethodDescription, new: MethodDescription) -> set[str]:
    """The names of what is a stream in one of both; that it is one is a change of its own."""
    return {method.stream.name for method in (old, new) if method.stream is not None}


def _declared(name: str, problem: str, method: MethodDescription) -> Change:
    return told(
        "problem-added",
        method.place,
        f"{name} may now refuse with {problem}.",
        consumers=f"old callers of {name} meet CallFailed where new providers refuse with "
        f"{problem}: they do not know it",
        stored="" if method.repeat == "idempotent" else None,
        remedy="Deploy those who call it before the provider refuses with it for the first time.",
    )


def _undeclared(name: str, problem: str, old: MethodDescription, new: MethodDescription) -> Change:
    is_kept = old.repeat == new.repeat == "idempotent"
    kept = f"{name}: a remembered {problem} cannot be given to a repeat any more"
    return told(
        "problem-removed",
        new.place,
        f"{name} does not refuse with {problem} any more.",
        providers=f"new callers of {name} meet CallFailed where old providers refuse with "
        f"{problem}: they do not know it any more",
        stored=kept if is_kept else None,
        remedy="Let nobody raise it first; take it out of raises a day later, when no reply that "
        "is remembered holds it.",
    )


def _problem_changes(
    name: str, old: ContractDescription, new: ContractDescription
) -> Iterator[Change]:
    before, after = old.problems[name], new.problems[name]
    uses = [
        use_of("problem", method, old.methods[method], new.methods[method])
        for method in old.methods
        if method in new.methods
        if name in old.methods[method].problems and name in new.methods[method].problems
    ]
    if not uses:
        return
    if before.status != after.status:
        yield _status(name, before, after, uses)
    fields = Fields(
        kind="problem-field",
        owner=name,
        place=after.place,
        old=before.fields,
        new=after.fields,
        books=(old, new),
    )
    for edit in field_edits(fields):
        yield judge(edit, uses)


def _status(name: str, old: ProblemDescription, new: ProblemDescription, uses: list[Use]) -> Change:
    has_http = any(use.has_http for use in uses)
    text = f"HTTP clients that look at the status of {name} meet {{}} instead of {{}}"
    return told(
        "problem-status-changed",
        new.place,
        f"{name} had the status {old.status} and has {new.status}.",
        consumers=f"old {text.format(new.status, old.status)}" if has_http else "",
        providers=f"new {text.format(old.status, new.status)}" if has_http else "",
        stored="" if any(use.is_kept for use in uses) else None,
        remedy="Declare another problem with the new status beside it; let clients learn it; then "
        "raise that one.",
    )
