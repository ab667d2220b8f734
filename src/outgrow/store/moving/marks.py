"""What a store says of a move that it is part of, and the refusal to open it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from outgrow.errors import StoreMoved

MOVED_TO: Final = "moved_to"
"""The note of a store that was left."""

ARRIVING: Final = "arriving"
"""The note of a store that a move is filling."""

MOVED_FROM: Final = "moved_from"
"""The note of a store that a move has filled."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """
    The other end of a move.

    Attributes:
        move: The id of the move.
        place: Where the other end is, without a password.
        setting: What outgrow.toml says of it.
        at: When the note was made.
    """

    move: str
    place: str
    setting: str
    at: str

    def text(self) -> str:
        """As it stands in the store."""
        return msgspec.json.encode(self).decode()


def read_mark(meta: Mapping[str, str], name: str) -> Mark | None:
    """The mark *name* of what a store says of itself, if it is there."""
    text = meta.get(name)
    return None if text is None else msgspec.json.decode(text, type=Mark)


def refuse_moved(place: str, meta: Mapping[str, str]) -> None:
    """
    Refuse to open a store that was left, or is not filled yet.

    Raises:
        StoreMoved: It is one of both.
    """
    service = meta.get("service", "")
    moved = read_mark(meta, MOVED_TO)
    if moved is not None:
        raise StoreMoved(place, left_text(service, moved))
    arriving = read_mark(meta, ARRIVING)
    if arriving is not None:
        message = (
            f"a move from {arriving.place} has not filled it yet. Finish it: outgrow store move "
            f"{service} --to {arriving.setting}; or give it up with --abandon. Until then "
            f"{service!r} lives where it was."
        )
        raise StoreMoved(place, message)


def left_text(service: str, moved: Mark) -> str:
    """What is said to who would use a store that was left."""
    variable = f"OUTGROW_STORE_{service.upper()}"
    return (
        f"the store of {service!r} was moved to {moved.place} at {moved.at}, and this one is kept "
        f'as it was until the move is confirmed. Let store say {{ {service} = "{moved.setting}" }} '
        "in [app] of outgrow.toml, beside what it says of the others, or set "
        f"{variable}={moved.setting}, and start again."
    )
