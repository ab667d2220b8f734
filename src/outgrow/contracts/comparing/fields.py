"""Changes of fields: those of records, events and problems, and the parameters of methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from outgrow.contracts.comparing.edits import FITS, Edit, Misfits, Reason
from outgrow.contracts.comparing.fitting import Book, Fit, another_name, missing
from outgrow.contracts.comparing.words import spelled
from outgrow.contracts.descriptions import FieldDescription, NothingType, Type

_UNKNOWN = Reason("{reader} refuse a field that they do not know, and {writer} give it", "field")
_UNHEARD = "{reader} do not look at what {writer} give there"

_REMEDIES = {
    "added-required": "Give it a default, or add it as optional first and require it when all "
    "consumers give it.",
    "added-optional": "Let no client give it until the provider is deployed everywhere.",
    "default-added": "Let no client leave it out until the provider is deployed everywhere.",
    "empty": "Let its default be None or empty and its length have no lower limit, or make it a "
    "required field of a new method.",
    "removed": "Give it a default first, and remove it when nobody needs it any more.",
    "renamed": "Add the new one beside the old, with a default; let consumers move; then remove "
    "the old one.",
    "type-changed": "Add a field of another name for the new type; let consumers move; then remove "
    "the old one.",
    "default": "Keep the default, or leave none and let everyone say the value.",
    "number-changed": "Take the number from the committed .proto again.",
    "limit": "Widen limits where values are read before they are written, and narrow them where "
    "they are written before they are read.",
    "none": "Let all readers take None before anybody writes it, and let nobody write it before a "
    "reader refuses it.",
    "literal": "Let all readers take a value before anybody writes it, and let nobody write it "
    "before a reader refuses it.",
    "union": "Let all readers take a record before anybody writes it, and let nobody write it "
    "before a reader refuses it.",
}

_VALUE_SLUGS = {
    "limit": ("limit-tightened", "limit-loosened", "limit-changed"),
    "none": ("none-refused", "none-allowed", "none-changed"),
    "literal": ("literal-value-removed", "literal-value-added", "literal-values-changed"),
    "union": ("union-member-removed", "union-member-added", "union-changed"),
}
"""By what changed: if old values are refused, if new ones are, if both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """
    The fields of one thing, old and new.

    Attributes:
        kind: What they are: ``field``, ``parameter``, ``event-field`` or ``problem-field``.
        owner: The record, method, event or problem.
        in_path: Parameters at the same place of the same HTTP path, by old and new name.
    """

    kind: str
    owner: str
    place: str
    old: list[FieldDescription]
    new: list[FieldDescription]
    books: tuple[Book, Book]
    in_path: frozenset[tuple[str, str]] = frozenset()


def field_edits(fields: Fields) -> Iterator[Edit]:
    """What changed from the old fields to the new."""
    old = {field.name: field for field in fields.old}
    new = {field.name: field for field in fields.new}
    gone = [field for name, field in old.items() if name not in new]
    added = [field for name, field in new.items() if name not in old]
    for before, after in _renamed(fields, gone, added):
        gone.remove(before)
        added.remove(after)
        yield _rename(fields, before, after)
        if before.type != after.type:
            yield _type_edit(fields, before, after)
    yield from (_removal(fields, field) for field in gone)
    yield from (_addition(fields, field) for field in added)
    for name in [name for name in old if name in new]:
        yield from _edits_of_one(fields, old[name], new[name])


def _renamed(
    fields: Fields, gone: list[FieldDescription], added: list[FieldDescription]
) -> list[tuple[FieldDescription, FieldDescription]]:
    """Which of the fields that are gone came back under another name, as far as that is plain."""
    found: list[tuple[FieldDescription, FieldDescription]] = []
    both = [(before, after) for before in gone for after in added]
    by_number = [pair for pair in both if pair[0].number == pair[1].number != 0]
    in_path = [pair for pair in both if (pair[0].name, pair[1].name) in fields.in_path]
    for before, after in (*by_number, *in_path):
        if all(before is not one and after is not other for one, other in found):
            found.append((before, after))
    if not found and len(gone) == len(added) == 1 and gone[0].type == added[0].type:
        return [(gone[0], added[0])]
    return found


def _edit(
    fields: Fields, kind: str, message: str, ways: tuple[Misfits, Misfits], remedy: str = ""
) -> Edit:
    """An edit whose *ways* are those from old writers to new readers, and back."""
    return Edit(
        label=f"{fields.kind}-{kind}",
        place=fields.place,
        message=f"{fields.owner}.{message}",
        forward=ways[0],
        backward=ways[1],
        remedy=_REMEDIES.get(remedy or kind, ""),
    )


def _absent(field: FieldDescription) -> Misfits:
    """What comes of it if readers look for *field* and writers do not know it."""
    wire = missing(field, "wire") if field.number else ()
    return Misfits(wire=wire, json=missing(field, "json"))


_SUPERFLUOUS = Misfits(edge=(_UNKNOWN,), remark=_UNHEARD, is_another=True)


def _removal(fields: Fields, field: FieldDescription) -> Edit:
    absent = _absent(field)
    message = f"{field.name} is gone."
    return _edit(fields, "removed", message, (_SUPERFLUOUS, absent), _remedy(absent, "removed"))


def _remedy(absent: Misfits, kind: str) -> str:
    return "empty" if any(reason.kind == "empty" for reason in absent.wire) else kind


def _addition(fields: Fields, field: FieldDescription) -> Edit:
    kind = "added-required" if field.is_required else "added-optional"
    how = "without a default" if field.is_required else "with a default"
    message = f"{field.name} is new, {how}."
    # Arguments are known again without parameters that have their default. Records are whole.
    forward = replace(_absent(field), is_another=fields.kind != "parameter")
    return _edit(fields, kind, message, (forward, _SUPERFLUOUS), _remedy(forward, kind))


def _rename(fields: Fields, before: FieldDescription, after: FieldDescription) -> Edit:
    keeps_number = before.number == after.number != 0
    keeps_json = before.json_name == after.json_name or (before.name, after.name) in fields.in_path
    keeps_json |= before.is_stream and after.is_stream  # lines of a body, which have no name
    ways = []
    for written, read in ((before, after), (after, before)):
        absent = _absent(read)
        ways.append(
            Misfits(
                wire=(another_name(written, read),) if keeps_number else absent.wire,
                json=() if keeps_json else absent.json,
                edge=() if keeps_json else _SUPERFLUOUS.edge,
                remark=_UNHEARD,
            )
        )
    message = f"{before.name} is now called {after.name}."
    return _edit(fields, "renamed", message, (ways[0], ways[1]))


def _edits_of_one(fields: Fields, old: FieldDescription, new: FieldDescription) -> Iterator[Edit]:
    if old.number != new.number and old.number and new.number:
        text = f"{{reader}} know another number than {{writer}}: {old.number} became {new.number}"
        misfit = Misfits(wire=(Reason(text),))
        message = f"{old.name} had the number {old.number} and has {new.number}."
        yield _edit(fields, "number-changed", message, (misfit, misfit))
    if old.json_name != new.json_name:
        yield _json_name(fields, old, new)
    if old.type != new.type:
        yield _type_edit(fields, old, new)
    if (old.default, old.is_made) != (new.default, new.is_made):
        yield _default(fields, old, new)


def _type_edit(fields: Fields, old: FieldDescription, new: FieldDescription) -> Edit:
    where = f"{fields.owner}.{new.name}"
    types, is_wired = (old.type, new.type), bool(old.number and new.number)
    return type_edit(fields.kind, fields.place, where, fields.books, types, is_wired=is_wired)


def _json_name(fields: Fields, old: FieldDescription, new: FieldDescription) -> Edit:
    forward, backward = (
        Misfits(json=missing(field, "json"), edge=(_UNKNOWN,), remark=_UNHEARD)
        for field in (new, old)
    )
    message = f"{old.name} was {old.json_name!r} in JSON and is {new.json_name!r}."
    return _edit(fields, "json-name-changed", message, (forward, backward), "renamed")


def _default(fields: Fields, old: FieldDescription, new: FieldDescription) -> Edit:
    is_parameter = fields.kind == "parameter"
    if old.is_required:
        text = f"{{reader}} refuse what comes without {old.name!r}, which {{writer}} may leave out"
        message = f"{old.name} has a default now: {_shown(new)}."
        backward = Misfits(edge=(Reason(text, "field", is_certain=False),))
        forward = Misfits(is_another=is_parameter)
        return _edit(fields, "default-added", message, (forward, backward))
    if new.is_required:
        text = f"{{reader}} refuse what comes without {old.name!r}, which {{writer}} may leave out"
        reasons = (Reason(text, "field", is_certain=False),)
        forward = Misfits(edge=reasons, kept=reasons if is_parameter else ())
        message = f"{old.name} has no default any more; it was {_shown(old)}."
        return _edit(fields, "default-removed", message, (forward, FITS), "default")
    return _default_changed(fields, old, new)


def _default_changed(fields: Fields, old: FieldDescription, new: FieldDescription) -> Edit:
    ways = []
    for written, read in ((old, new), (new, old)):
        text = f"{{reader}} take {_shown(read)} where {{writer}} leave it out and mean "
        text += _shown(written)
        ways.append((Reason(text, "field", is_certain=False),))
    # What equals its default is left out of stored arguments.
    forward = Misfits(edge=ways[0], kept=ways[0] if fields.kind == "parameter" else ())
    message = f"{old.name} had the default {_shown(old)} and has {_shown(new)}."
    ends = forward, Misfits(edge=ways[1])
    return _edit(fields, "default-changed", message, ends, "default")


def _shown(field: FieldDescription) -> str:
    return "one that is made anew" if field.is_made else _json(field.default)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def type_edit(
    kind: str,
    place: str,
    where: str,
    books: tuple[Book, Book],
    types: tuple[Type, Type],
    *,
    is_wired: bool = True,
) -> Edit:
    """
    The change of the type of a field, or of a reply, from the first of *types* to the second.

    Args:
        where: The field or reply in words.
        is_wired: Whether it is in messages of protobuf too, and not in JSON only.
    """
    ways = []
    for ends, written in ((books, types), (books[::-1], types[::-1])):
        wire = Fit(*ends, "wire").reasons(*written) if is_wired else ()
        ways.append(Misfits(wire=wire, json=Fit(*ends, "json").reasons(*written)))
    label, remedy = _kind_of_change(kind, *ways)
    if isinstance(types[1], NothingType):
        # Nothing is not read: only what is remembered of a reply is held against its type.
        text = "{reader} take no remembered reply, and {writer} wrote one"
        ways[0] = Misfits(kept=(Reason(text),))
        label = "reply-removed"
    elif isinstance(types[0], NothingType):
        label = "reply-added"
    return Edit(
        label=label,
        place=place,
        message=_changed(where, *map(spelled, types)),
        forward=ways[0],
        backward=ways[1],
        remedy=_REMEDIES[remedy],
    )


def _changed(where: str, before: str, after: str) -> str:
    if before == after:
        return f"{where} is still {before}, told apart by other tags."
    return f"{where} was {before} and is {after}."


def _kind_of_change(kind: str, forward: Misfits, backward: Misfits) -> tuple[str, str]:
    both = [{reason.kind for reason in (*way.wire, *way.json)} for way in (forward, backward)]
    kinds = both[0] | both[1]
    which = 2 if all(both) else 0 if both[0] else 1
    if len(kinds) == 1 and (one := next(iter(kinds))) in _VALUE_SLUGS:
        return _VALUE_SLUGS[one][which], one
    if not kinds:
        return f"{kind}-type-respelled", "type-changed"
    return f"{kind}-type-{('narrowed', 'widened', 'changed')[which]}", "type-changed"
