"""
What the services promise, to be read: their contracts, and who uses them.

Floor: house; a room inside process.
Uses: of process the loading and the checking; topology.
Offers: the catalogue of a program as plain data, and as Markdown; its sagas as drawings.
"""

from outgrow.process.showing.catalogue import (
    ShownContract,
    ShownEvent,
    ShownField,
    ShownMethod,
    ShownService,
    ShownUse,
    read_catalogue,
)
from outgrow.process.showing.markdown import as_markdown
from outgrow.process.showing.promises import PROMISES, words_of_use
from outgrow.process.showing.sagas import saga_drawing

__all__ = [
    "PROMISES",
    "ShownContract",
    "ShownEvent",
    "ShownField",
    "ShownMethod",
    "ShownService",
    "ShownUse",
    "as_markdown",
    "read_catalogue",
    "saga_drawing",
    "words_of_use",
]
