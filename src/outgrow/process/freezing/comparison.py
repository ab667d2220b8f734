"""Hold what services promise beside what they promised, or what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from outgrow.contracts.descriptions import ServiceDescription
from outgrow.process.freezing.program import Program
from outgrow.process.freezing.reading import read_frozen, shown

if TYPE_CHECKING:
    from outgrow.contracts.comparing import Change


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the code compares with something older.

    Attributes:
        against: What it was compared with, in words.
        changes: What changed, service by service.
        compared: The services that were compared.
        unknown: The services that the older side does not know: there was nothing to compare.
    """

    against: str
    changes: list[Change]
    compared: list[str]
    unknown: list[str]

    @property
    def breaks(self) -> bool:
        """Whether something that runs or is stored breaks."""
        return any(change.breaks for change in self.changes)

    def breaking(self, question: str) -> list[Change]:
        """The changes for which *question* is answered with yes: consumers, providers, stored."""
        return [c for c in self.changes if getattr(c, question).answer == "breaks"]


def compare_with_frozen(program: Program) -> Comparison:
    """
    How the code of *program* compares with what is frozen.

    Raises:
        DefinitionError: What is frozen cannot be read.
    """
    old = read_frozen(program.plan.folder).services
    return compare_services("what is frozen", old, program, place=shown(program.folder))


def compare_services(
    against: str, old: Mapping[str, ServiceDescription], program: Program, *, place: str
) -> Comparison:
    """
    What changed from *old* to the code of *program*.

    Args:
        against: What *old* is, in words.
        place: Where *old* stands, for what has no place in the code any more.

    Raises:
        DefinitionError: What is frozen beside the code cannot be read; its numbers are needed.
    """
    # Imported here: who runs a program compares nothing.
    from outgrow.contracts.comparing import compare  # noqa: PLC0415

    new = program.describe(read_frozen(program.plan.folder))
    changes = [
        change if change.place else replace(change, place=place)
        for name, description in sorted(old.items())
        for change in compare(description, new.get(name))
    ]
    return Comparison(
        against=against,
        changes=changes,
        compared=sorted(old),
        unknown=sorted(set(new) - set(old)),
    )
