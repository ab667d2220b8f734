"""Changes of the records and enumerations that both descriptions have."""

from __future__ import annotations

from collections.abc import Iterator

from outgrow.contracts.comparing.edits import Edit, Misfits
from outgrow.contracts.comparing.fields import Fields, field_edits
from outgrow.contracts.comparing.fitting import Book, enum_reasons
from outgrow.contracts.descriptions import EnumDescription

_REMEDY = (
    "Let all readers take a value before anybody writes it, and let nobody write it before a "
    "reader refuses it."
)
_NUMBER_REMEDY = "Take the number from the committed .proto again."


def type_edits(old: Book, new: Book) -> Iterator[tuple[str, Edit]]:
    """What changed in the records and enumerations of equal names, with these names."""
    for name in [name for name in old.records if name in new.records]:
        fields = Fields(
            kind="field",
            owner=name,
            place=new.records[name].place,
            old=old.records[name].fields,
            new=new.records[name].fields,
            books=(old, new),
        )
        yield from ((name, edit) for edit in field_edits(fields))
    for name in [name for name in old.enums if name in new.enums]:
        edits = _enum_edits(name, old.enums[name], new.enums[name])
        yield from ((name, edit) for edit in edits)


def _enum_edits(name: str, old: EnumDescription, new: EnumDescription) -> Iterator[Edit]:
    gone = {n: v for n, v in old.values.items() if n not in new.values}
    added = {n: v for n, v in new.values.items() if n not in old.values}
    for before, value in list(gone.items()):
        after = next((n for n, v in added.items() if v == value), None)
        if after is not None:
            del gone[before], added[after]
            message = f"{before} is now called {after}."
            yield _edit(name, "renamed", message, (old, {before}), (new, {after}))
    for one in gone:
        yield _edit(name, "removed", f"{one} is gone.", (old, {one}), (new, set()))
    for one in added:
        yield _edit(name, "added", f"{one} is new.", (old, set()), (new, {one}))
    for one in [one for one in old.values if one in new.values]:
        if old.values[one] != new.values[one]:
            message = f"{one} was {old.values[one]!r} in JSON and is {new.values[one]!r}."
            yield _edit(name, "changed", message, (old, {one}), (new, {one}))
        if old.numbers.get(one) != new.numbers.get(one):
            message = f"{one} had the number {old.numbers.get(one)} and has {new.numbers.get(one)}."
            yield _edit(name, "number-changed", message, (old, {one}), (new, {one}))


def _edit(
    name: str,
    kind: str,
    message: str,
    old: tuple[EnumDescription, set[str]],
    new: tuple[EnumDescription, set[str]],
) -> Edit:
    """An edit of the members whose names stand beside the descriptions."""
    return Edit(
        label=f"enum-value-{kind}",
        place=new[0].place,
        message=f"{name}.{message}",
        forward=_misfits(*old, new[0]),
        backward=_misfits(*new, old[0]),
        remedy=_NUMBER_REMEDY if kind == "number-changed" else _REMEDY,
    )


def _misfits(writer: EnumDescription, names: set[str], reader: EnumDescription) -> Misfits:
    wire = enum_reasons(writer, reader, "wire", names) if reader.numbers else ()
    return Misfits(wire=tuple(wire), json=tuple(enum_reasons(writer, reader, "json", names)))
