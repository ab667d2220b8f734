"""What the method of a saga asks for, in which order, as it is read from its text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from outgrow.contracts import Method

BEGIN = "begin"
STEP = "step"
ALL = "all"
SLEEP = "sleep"
UNTIL = "until"
CHOICE = "choice"
LOOP = "loop"
COMPLETED = "completed"
UNDONE = "undone"
"""The kinds of places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    A method that a step or an undo calls.

    Attributes:
        name: ``service.method``; what stands in the text if that is not known.
        service: The service that does it, if that is known.
        method: What its contract says, if it is of one.
    """

    name: str
    service: str | None = None
    method: Method | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """
    A place in the flow of a saga. What undoes a step may be said after it was made.

    Attributes:
        number: Counted in the order of the text.
        kind: Such as ``step``, ``all`` or ``sleep``.
        label: What to call it.
        line: In the file.
        do: What a step calls.
        undo: What undoes the step.
        group: The place where it is done together with others, if it is.
    """

    number: int
    kind: str
    label: str
    line: int
    do: Asked | None = None
    undo: Asked | None = None
    is_pivot: bool = False
    group: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """
    The text of a function that a saga consists of.

    Attributes:
        run: What the run is called there.
        first_line: Of the text, in the file.
    """

    node: ast.AST
    run: str
    first_line: int


@dataclass(slots=True)
class Flow:
    """
    The flow of one saga.

    Attributes:
        saga: ``service.method``.
        file: Where its method stands.
        ways: From a place to another, and what is said of it.
        texts: The functions that were read.
    """

    saga: str
    file: str
    places: list[Place] = field(default_factory=list)
    ways: list[tuple[Place, Place, str]] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    @property
    def steps(self) -> list[Place]:
        """The steps, in the order of the text."""
        return [place for place in self.places if place.kind == STEP]

    def behind(self, place: Place) -> Iterator[Place]:
        """The places that can come after *place*; itself among them, if it stands in a loop."""
        seen: set[Place] = set()
        open_ = [place]
        while open_:
            here = open_.pop()
            for origin, target, _ in self.ways:
                if origin is here and target not in seen:
                    seen.add(target)
                    open_.append(target)
                    yield target
