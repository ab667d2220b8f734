"""How a saga stands, as whoever began it may know."""

from __future__ import annotations

from typing import Literal

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a saga stands. It travels between processes as JSON, and grows; readers skip what is new.

    Attributes:
        method: ``service.method`` that began it.
        state: ``running``, ``undoing`` or ``stuck``; at the end ``completed``, ``undone`` or
            ``resolved``.
        ended_at: None while it goes on.
        outcome: What *text* is: the reply as JSON, a problem as JSON of its type and fields, or
            why it was undone without one.
    """

    id: str
    method: str
    state: str
    started_at: str
    ended_at: str | None = None
    outcome: Literal["", "reply", "problem", "aborted"] = ""
    text: str = ""
