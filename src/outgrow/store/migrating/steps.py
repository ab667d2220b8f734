"""What makes outgrow's own tables in a store those of today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from outgrow.errors import StoreUnreadable
from outgrow.store.schema import Schema


class Step(NamedTuple):
    """
    One step, which is taken with all others in one transaction.

    Attributes:
        name: What ``outgrow_meta`` says the version under.
        version: Which version there is after it.
        ddl: What is run.
    """

    name: str
    version: int
    ddl: str

    def __str__(self) -> str:
        return f"{self.name.removeprefix('schema:')}, version {self.version}"


def steps_to_today(
    place: str, meta: Mapping[str, str], schemas: Iterable[Schema], *, layout: int
) -> list[Step]:
    """
    The steps that make the tables of *schemas* in the store at *place* those of today, in order.

    Args:
        place: The store, for messages.
        meta: What its ``outgrow_meta`` says; empty if it is new.
        schemas: What the rooms above keep in it.
        layout: The number of the layout of ``outgrow_meta`` itself that this outgrow knows.

    Raises:
        StoreUnreadable: Something newer wrote it, or it is so old that no step is known.
        StoreMoved: A move has taken its rows elsewhere, or has not brought all of them yet.
    """
    if meta:
        # Imported here: a store that is made has not been moved.
        from outgrow.store.moving import refuse_moved  # noqa: PLC0415

        refuse_moved(place, meta)
    found = int(meta.get("format", layout))
    if found != layout:
        raise _not_ours(place, "format", found, layout)
    return [step for schema in schemas for step in _steps_of(place, meta, schema)]


def _steps_of(place: str, meta: Mapping[str, str], schema: Schema) -> list[Step]:
    name = f"schema:{schema.name}"
    if name not in meta:
        return [Step(name, schema.version, schema.tables)]
    found = int(meta[name])
    versions = range(found + 1, schema.version + 1)
    if found > schema.version or any(version not in schema.upgrades for version in versions):
        raise _not_ours(place, schema.name, found, schema.version)
    return [Step(name, version, schema.upgrades[version]) for version in versions]


def _not_ours(place: str, name: str, found: int, known: int) -> StoreUnreadable:
    age = "newer" if found > known else "older"
    message = (
        f"its {name} has version {found}, written by {age} outgrow; this one knows {known}. "
        "Run the outgrow that wrote it."
    )
    return StoreUnreadable(place, message)
