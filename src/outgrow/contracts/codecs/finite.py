"""Numbers that JSON has not."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec

from outgrow.contracts.codecs.plain import as_plain


class NotFinite(ValueError):
    """
    A value cannot be kept as JSON, because a number in it is infinite or none.

    Attributes:
        place: Path to the number below the value, such as ``.weights[3]``; often empty.
        problem: What is wrong with it.
    """

    def __init__(self, what: str, place: str, value: float | Decimal) -> None:
        self.place = place
        self.problem = f"{value} is no finite number, and JSON has no other"
        super().__init__(f"{what}{place}: {self.problem}.")


def check_finite(what: str, value: Any, encoded: bytes) -> None:
    """
    See that *encoded*, the JSON of *value*, says the same as the value.

    An infinite float would be null there without a word, and an infinite decimal a text. So only
    what holds a null or such a text is looked at.

    Args:
        what: The value's name in the error.

    Raises:
        NotFinite: A number inside was lost.
    """
    if b"null" not in encoded and b'NaN"' not in encoded and b'Infinity"' not in encoded:
        return
    parts = [("", msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=as_plain))]
    while parts:
        place, part = parts.pop()
        if isinstance(part, dict):
            parts += [(f"{place}.{name}", below) for name, below in part.items()]
        elif isinstance(part, list | tuple | set | frozenset):
            parts += [(f"{place}[{n}]", below) for n, below in enumerate(part)]
        elif isinstance(part, float):
            if not math.isfinite(part):
                raise NotFinite(what, place, part)
        elif isinstance(part, Decimal) and not part.is_finite():
            raise NotFinite(what, place, part)
