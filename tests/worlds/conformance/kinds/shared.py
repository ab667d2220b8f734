"""What the three ways of writing a record have in common."""

import enum
from typing import TypeVar

T = TypeVar("T")


class Colour(enum.StrEnum):
    """Text with few values."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    """Numbers with few values, none of which is zero."""

    LOW = 1
    HIGH = 9
