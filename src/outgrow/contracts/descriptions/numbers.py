"""The numbers of fields, which a message on the wire is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PROTOBUFS_OWN = range(19_000, 20_000)
"""Numbers that protobuf keeps for itself."""


@dataclass(slots=True)
class MessageNumbers:
    """
    What is known of one message or enumeration of a ``.proto``.

    Attributes:
        taken: The numbers of its fields or values, by name.
        reserved: Numbers of what it had once. No field may have them again.
        reserved_names: Names of what it had once.
    """

    taken: dict[str, int] = field(default_factory=dict)
    reserved: set[int] = field(default_factory=set)
    reserved_names: set[str] = field(default_factory=set)


class Numbers:
    """
    The numbers of one package: those of its committed ``.proto``, and next ones for what is new.

    Attributes:
        messages: By name; of a nested message ``Outer.Inner``. An enumeration is among them, its
            zero left out.
    """

    def __init__(self, messages: Mapping[str, MessageNumbers] | None = None) -> None:
        self.messages = dict(messages or {})

    def of(self, message: str, names: Iterable[str]) -> dict[str, int]:
        """
        The numbers of the fields *names* of *message*.

        A field that the committed file knows keeps its number. Others get numbers above all that
        were ever taken, in the order of *names*. A name that comes back gets a new one.
        """
        known = self.messages.get(message) or MessageNumbers()
        highest = max((*known.taken.values(), *known.reserved, 0))
        found = {}
        for name in names:
            if name in known.taken:
                found[name] = known.taken[name]
            else:
                highest += 1
                if highest in PROTOBUFS_OWN:
                    highest = PROTOBUFS_OWN.stop
                found[name] = highest
        return found

    def removed(self, message: str, names: Iterable[str]) -> MessageNumbers:
        """What of *message* is taken by none of *names* any more, or was not before."""
        known = self.messages.get(message) or MessageNumbers()
        gone = {n: number for n, number in known.taken.items() if n not in set(names)}
        return MessageNumbers(
            reserved=known.reserved | set(gone.values()),
            reserved_names=(known.reserved_names | set(gone)) - set(names),
        )


NumbersByPackage = Mapping[str, Numbers]
"""The numbers of each package, by ``<service>.v<version>``."""
