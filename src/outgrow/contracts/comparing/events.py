"""Changes of events, which are read for as long as a journal keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from outgrow.contracts.comparing.change import Change, told
from outgrow.contracts.comparing.edits import Use, judge
from outgrow.contracts.comparing.fields import Fields, field_edits
from outgrow.contracts.comparing.records import type_edits
from outgrow.contracts.descriptions import EventDescription, ServiceDescription


def event_changes(old: ServiceDescription, new: ServiceDescription) -> Iterator[Change]:
    """What changed in the public events of a service."""
    known = set(old.events)
    for name, event in new.events.items():
        former = next((alias for alias in event.aliases if alias in known), None)
        if name not in old.events and former is not None:
            yield _rename(former, name, event)
            yield from _changes(name, old.events[former], event)
            known.discard(former)
        elif name in old.events:
            known.discard(name)
            yield from _changes(name, old.events[name], event)
            yield from _alias_changes(name, old.events[name], event)
        elif not any(name in former.aliases for former in old.events.values()):
            yield _addition(name, event)
    for name in old.events:
        if name in known:
            yield _removal(name, old.events[name], new)


def _addition(name: str, event: EventDescription) -> Change:
    return told("event-added", event.place, f"{name} is new.")


def _removal(name: str, event: EventDescription, new: ServiceDescription) -> Change:
    stored = f"{name}: no class reads the events of this name that journals hold"
    former = next((alias for alias in event.aliases if alias in new.events), None)
    if former is not None:
        return told(
            "event-renamed-back",
            new.events[former].place,
            f"{name} is called {former} again.",
            stored=stored,
            remedy="Let aliases name what it was called in between.",
        )
    return told(
        "event-removed",
        event.place,
        f"{name} is no public event any more.",
        consumers=f"old handlers of {name} hear nothing more of new providers",
        stored=stored,
        remedy="Go on recording it beside what replaces it, until nobody listens. If the class has "
        "another name now, let aliases name the former one.",
    )


def _rename(former: str, name: str, event: EventDescription) -> Change:
    return told(
        "event-renamed",
        event.place,
        f"{former} is now called {name}, and reads events of its former name.",
        stored="",
    )


def _alias_changes(name: str, old: EventDescription, new: EventDescription) -> Iterator[Change]:
    for alias in sorted({*old.aliases} - {*new.aliases}):
        yield told(
            "event-alias-removed",
            new.place,
            f"{name} does not read events of its former name {alias} any more.",
            stored=f"{name}: no class reads the events of the name {alias} that journals hold",
            remedy="Keep the alias as long as a journal holds an event of this name.",
        )
    for alias in sorted({*new.aliases} - {*old.aliases}):
        message = f"{name} reads events of the former name {alias} too."
        yield told("event-alias-added", new.place, message, stored="")


def _changes(name: str, old: EventDescription, new: EventDescription) -> Iterator[Change]:
    if old.key != new.key:
        yield _key(name, old, new)
    use = Use(role="event", owner=name, is_kept=True)
    if old.schema != new.schema:
        yield _schema(name, old, new)
        return  # From here on upcasters say what old events mean.
    fields = Fields(
        kind="event-field",
        owner=name,
        place=new.place,
        old=old.fields,
        new=new.fields,
        books=(old, new),
    )
    edits = [*field_edits(fields), *(edit for _, edit in type_edits(old, new))]
    for edit in edits:
        yield judge(edit, [use])


def _key(name: str, old: EventDescription, new: EventDescription) -> Change:
    text = f"{name}: handlers hear events of equal {{}} in any order, some of them keyed anew"
    if old.key is None:
        return told(
            "event-key-added",
            new.place,
            f"{name} had no order and is ordered by {new.key}.",
            providers=f"{name}: new handlers hear events of equal {new.key} from old providers in "
            "any order",
            stored="",
            remedy="Deploy the provider first, and wait until its old events are handled.",
        )
    kind = "removed" if new.key is None else "changed"
    return told(
        f"event-key-{kind}",
        new.place,
        f"{name} was ordered by {old.key} and is ordered by {new.key or 'nothing'}.",
        consumers=text.format(old.key),
        providers="" if new.key is None else text.format(new.key),
        stored="",
        remedy="Record another event with the new key beside the old one; let handlers move; then "
        "remove the old one.",
    )


def _schema(name: str, old: EventDescription, new: EventDescription) -> Change:
    missing = [n for n in range(old.schema, new.schema) if n not in new.upcasts]
    is_older = new.schema < old.schema
    unread = f"{name}: nothing makes schema {new.schema} of events of schema {old.schema}"
    if is_older:
        unread = f"{name}: new versions know it up to schema {new.schema} only"
    breaks = unread if missing or is_older else ""
    deaf = f"{name}: old handlers know it up to schema {old.schema} only"
    return told(
        "event-schema-lowered" if is_older else "event-schema-raised",
        new.place,
        f"{name} had schema {old.schema} and has {new.schema}"
        + ("." if is_older else f", {'which has no upcaster' if missing else 'with upcasters'}."),
        consumers="" if is_older else deaf,
        providers=breaks,
        stored=breaks,
        remedy="Raise the schema again, with an upcaster that makes the old form of the newer one."
        if is_older
        else "Deploy those who listen before the provider, with an upcaster for each older schema.",
    )
