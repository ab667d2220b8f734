"""Changes of what a method promises beside its types: repeats, permission, deadline, HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outgrow.contracts.comparing.change import Change, told
from outgrow.contracts.descriptions import MethodDescription

LEVELS = {"safe": "NO_SIDE_EFFECTS", "idempotent": "IDEMPOTENT", "unsafe": "unset"}
"""What a promise about repeats is called in a ``.proto``."""

REPEATS: dict[tuple[str, str], tuple[str, str, str | None]] = {
    ("safe", "idempotent"): (
        "old callers repeat it without a key, and each repeat has an effect",
        "",
        None,
    ),
    ("safe", "unsafe"): ("old callers repeat it, and each repeat has an effect", "", None),
    ("idempotent", "safe"): (
        "",
        "new callers repeat it without a key, and each repeat has an effect at old providers",
        "",
    ),
    ("idempotent", "unsafe"): (
        "old callers repeat it under its key, and each repeat has an effect",
        "",
        "commands that wait may arrive twice, and remembered replies are not given to repeats",
    ),
    ("unsafe", "safe"): (
        "",
        "new callers repeat it, and each repeat has an effect at old providers",
        None,
    ),
    ("unsafe", "idempotent"): (
        "",
        "new callers repeat it under its key, and each repeat has an effect at old providers",
        None,
    ),
}
"""What breaks for consumers, for providers and in what is stored, by the old and new promise."""

_HTTP_REMEDIES = {
    "added": "Deploy the provider before the first client that uses it.",
    "removed": "Remove it when no client uses it any more.",
    "changed": "Bind another method to the new path, and remove the old one when no client uses it "
    "any more.",
}


def promise_changes(name: str, old: MethodDescription, new: MethodDescription) -> Iterator[Change]:
    """What changed in the promises of the method *name*."""
    if old.repeat != new.repeat:
        yield _repeat(name, old, new)
    if streams_of(old) != streams_of(new):
        yield _streaming(name, old, new)
    if old.allow != new.allow:
        yield _permission(name, old, new)
    if old.deadline_seconds != new.deadline_seconds:
        yield _deadline(name, old, new)
    if old.http != new.http:
        yield _http(name, old, new)


def streams_of(method: MethodDescription) -> str:
    """Which ways of *method* are streams, in words."""
    ways = ["takes a stream"] if method.stream else []
    ways += ["replies with a stream"] if method.is_reply_stream else []
    return " and ".join(ways) or "streams nothing"


def _streaming(name: str, old: MethodDescription, new: MethodDescription) -> Change:
    text = f"{{}} callers of {name}: {{}} providers expect one that {{}}"
    waiting = f"commands to {name} that wait cannot be delivered"
    return told(
        "streaming-changed",
        new.place,
        f"{name} was one that {streams_of(old)}, and is one that {streams_of(new)}.",
        consumers=text.format("old", "new", streams_of(new)),
        providers=text.format("new", "old", streams_of(old)),
        stored=waiting if old.repeat == "idempotent" else None,
        remedy="Give what streams to a method of another name; let consumers move; then remove the "
        "old one.",
    )


def _repeat(name: str, old: MethodDescription, new: MethodDescription) -> Change:
    consumers, providers, stored = REPEATS[old.repeat, new.repeat]
    return told(
        f"repeat-{old.repeat}-to-{new.repeat}",
        new.place,
        f"{name} promised {LEVELS[old.repeat]} about repeats and promises {LEVELS[new.repeat]}.",
        consumers=consumers and f"{name}: {consumers}",
        providers=providers and f"{name}: {providers}",
        stored=stored and f"{name}: {stored}",
        remedy="Give the new promise to a method of another name; let consumers move; then remove "
        "the old one. A promise that only grows is safe once the provider has it.",
    )


def _permission(name: str, old: MethodDescription, new: MethodDescription) -> Change:
    refused = f"{name}: {{}} providers refuse callers from outside that lack {{}}"
    kind = "added" if old.allow is None else "removed" if new.allow is None else "changed"
    return told(
        f"permission-{kind}",
        new.place,
        f"{name} needed {_permitted(old.allow)} and needs {_permitted(new.allow)}.",
        consumers=refused.format("new", repr(new.allow)) if new.allow else "",
        providers=refused.format("old", repr(old.allow)) if old.allow else "",
        remedy="Grant the new permission to all who call before the provider asks for it, and take "
        "the old one away when no provider asks for it any more.",
    )


def _permitted(allow: str | None) -> str:
    return f"the permission {allow!r}" if allow else "no permission"


def _deadline(name: str, old: MethodDescription, new: MethodDescription) -> Change:
    before, after = old.deadline_seconds, new.deadline_seconds
    is_shorter = before is None or (after is not None and after < before)
    text = f"{name}: {{}} providers end requests from outside that take longer than {{}}"
    return told(
        f"deadline-{'shortened' if is_shorter else 'extended'}",
        new.place,
        f"{name} might take {_duration(before)} and may take {_duration(after)}.",
        consumers=text.format("new", _duration(after)) if is_shorter else "",
        providers="" if is_shorter else text.format("old", _duration(before)),
        remedy="Make the method fast enough first, and see in its measures that it is."
        if is_shorter
        else "Deploy the provider before the first who counts on the longer time.",
    )


def _duration(seconds: float | None) -> str:
    return "as long as the default deadline" if seconds is None else f"{seconds:g} s"


def _http(name: str, old: MethodDescription, new: MethodDescription) -> Change:
    missing = f"{name}: {{}} providers have nothing at {{}} for HTTP clients"
    kind = "changed"
    if not old.http or not new.http:
        kind = "removed" if old.http else "added"
    elif _form(old.http) == _form(new.http):
        if moved := _moved_in_path(old, new):
            return _moved(name, old, new, moved)
        return told(
            "http-parameter-renamed",
            new.place,
            f"{name} was bound to {old.http} and is bound to {new.http}; the requests are the "
            "same.",
        )
    return told(
        f"http-{kind}",
        new.place,
        f"{name} was bound to {old.http or 'nothing'} and is bound to {new.http or 'nothing'}.",
        consumers=missing.format("new", old.http) if old.http else "",
        providers=missing.format("old", new.http) if new.http else "",
        remedy=_HTTP_REMEDIES[kind],
    )


def _moved(
    name: str, old: MethodDescription, new: MethodDescription, moved: list[tuple[str, str]]
) -> Change:
    text = (
        f"{name}: {{}} providers take {{}} of {{}} HTTP clients, by its place in the path, for {{}}"
    )
    both = [
        (text.format("new", before, "old", after), text.format("old", after, "new", before))
        for before, after in moved
    ]
    return told(
        "http-parameter-moved",
        new.place,
        f"{name} was bound to {old.http} and is bound to {new.http}: the same requests say another "
        "thing.",
        consumers="; ".join(consumer for consumer, _ in both),
        providers="; ".join(provider for _, provider in both),
        remedy="Leave each parameter at its place, or bind a new method to a new path.",
    )


def _form(binding: str) -> str:
    return re.sub(r"\{\w+\}", "{}", binding)


def path_parameters(binding: str) -> list[str]:
    """The names of the parameters in the path of *binding*, in order."""
    return re.findall(r"\{(\w+)\}", binding)


def renamed_in_path(old: MethodDescription, new: MethodDescription) -> set[tuple[str, str]]:
    """The parameters that stand at the same place of the same path, by old and new name."""
    return set(_in_path(old, new)) - set(_moved_in_path(old, new))


def _moved_in_path(old: MethodDescription, new: MethodDescription) -> list[tuple[str, str]]:
    """Where one that stays gave its place to another, or took it: that is no new name."""
    befores = {parameter.name for parameter in old.parameters}
    afters = {parameter.name for parameter in new.parameters}
    return [
        (before, after)
        for before, after in _in_path(old, new)
        if before != after and (before in afters or after in befores)
    ]


def _in_path(old: MethodDescription, new: MethodDescription) -> list[tuple[str, str]]:
    if _form(old.http) != _form(new.http):
        return []
    return list(zip(path_parameters(old.http), path_parameters(new.http), strict=True))
