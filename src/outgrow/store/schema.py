"""The tables that rooms above the store keep in it, in the DDL that all backends understand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Schema(NamedTuple):
    """
    What a room keeps in each store.

    Attributes:
        name: The room's.
        version: Of its tables; grows with each change of them.
        tables: The DDL of that version, in the words of `outgrow.store.dialect`.
        upgrades: By each version after the first, what makes it of the version before.
    """

    name: str
    version: int
    tables: str
    upgrades: Mapping[int, str]
