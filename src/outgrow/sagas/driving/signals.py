"""How the work at a saga can end before the saga does; none of these reaches its method."""

from __future__ import annotations


class Away(Exception):
    """It has nothing to do until something happens, and leaves the memory."""


class Joined(Exception):
    """Another saga was begun under the same key before."""


class Failed(Exception):
    """Something went wrong that may pass; its cause says what."""


class Stale(Exception):
    """The method has seen a reply that was not kept, so it begins anew."""


class TooOld(Exception):
    """Nobody remembers any more whether a step took effect."""


class Expired(Exception):
    """Its time is over."""


class Unreadable(Exception):
    """Its code cannot be given the arguments that are written down; the cause says why."""
