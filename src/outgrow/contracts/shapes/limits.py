"""
Limits that a type carries, such as ``Annotated[int, Ge(1)]``, and the checks made from them.

Both spellings mean the same: `annotated_types`, which Pydantic uses, and `msgspec.Meta`. Types are
not checked here, only limits: what types promise is checked where data enters a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import annotated_types
import msgspec

_WORDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "max_digits": "of at most {} digits",
    "decimal_places": "of at most {} decimal places",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "of the form {!r}",
}
_TESTS = {
    "ge": "{v} >= {l}",
    "gt": "{v} > {l}",
    "le": "{v} <= {l}",
    "lt": "{v} < {l}",
    "multiple_of": "{v} % {l} == 0",
    # As Pydantic counts them: 0.01 has two digits, and 1E+2 has three.
    "max_digits": "{v}.is_finite() and max(len({v}.as_tuple().digits) + "
    "max({v}.as_tuple().exponent, 0), -{v}.as_tuple().exponent) <= {l}",
    "decimal_places": "{v}.is_finite() and -{v}.as_tuple().exponent <= {l}",
    "min_length": "len({v}) >= {l}",
    "max_length": "len({v}) <= {l}",
    "pattern": "{l}({v}) is not None",
}


_ORDER = ("ge", "gt", "le", "lt")
_LENGTH = ("min_length", "max_length")
_NUMBERS: tuple[type, ...] = (int, float, Decimal)
_FITTING: dict[str, dict[str, tuple[type, ...]]] = {
    "int": dict.fromkeys((*_ORDER, "multiple_of"), _NUMBERS),
    "float": dict.fromkeys((*_ORDER, "multiple_of"), _NUMBERS),
    "decimal": {
        **dict.fromkeys(_ORDER, _NUMBERS),
        "multiple_of": (int, Decimal),
        "max_digits": (int,),
        "decimal_places": (int,),
    },
    "str": {**dict.fromkeys(_LENGTH, (int,)), "pattern": (str,)},
    "bytes": dict.fromkeys(_LENGTH, (int,)),
    "list": dict.fromkeys(_LENGTH, (int,)),
    "map": dict.fromkeys(_LENGTH, (int,)),
    "datetime": dict.fromkeys(_ORDER, (datetime,)),
    "date": dict.fromkeys(_ORDER, (date,)),
    "time": dict.fromkeys(_ORDER, (time,)),
    "timedelta": dict.fromkeys(_ORDER, (timedelta,)),
}
"""Which limits a value of each kind may have, and what each is compared with."""


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One limit of a value.

    Attributes:
        name: The name that `msgspec.Meta` gives it, such as ``ge`` or ``max_length``.
        value: What it is compared with.
    """

    name: str
    value: Any

    def __str__(self) -> str:
        return _WORDS[self.name].format(self.value)

    def test(self, expression: str, constant: str) -> str:
        """Python source that is true when *expression* keeps the limit held in *constant*."""
        return _TESTS[self.name].format(v=expression, l=constant)

    @property
    def constant(self) -> Any:
        """What the source of `test` calls its constant."""
        return re.compile(self.value).search if self.name == "pattern" else self.value


def why_unfit(limit: Limit, kind: str) -> str | None:  # noqa: PLR0911 - one for each reason
    """Why a value of *kind* cannot have *limit*; None if it can."""
    fitting = _FITTING.get(kind, {})
    if limit.name not in fitting:
        known = f"it can have {', '.join(fitting)}" if fitting else "it can have none"
        return f"has the limit {limit.name}={limit.value!r}, which {kind} cannot have; {known}"
    if type(limit.value) not in fitting[limit.name]:
        return f"has the limit {limit.name}={limit.value!r}, which cannot be compared with {kind}"
    if limit.name in _LENGTH and limit.value < 0:
        return f"has the limit {limit.name}={limit.value!r}, which is less than nothing"
    if limit.name == "multiple_of" and limit.value <= 0:
        return f"has the limit multiple_of={limit.value!r}, which is not more than nothing"
    if isinstance(limit.value, datetime) and limit.value.tzinfo is None:
        return f"has the limit {limit.name}={limit.value!r}, which has no time zone"
    if limit.name == "pattern":
        try:
            re.compile(limit.value)
        except re.error as error:
            return f"has the pattern {limit.value!r}, which is no regular expression: {error}"
    return None


def read_limits(metadata: Iterable[object]) -> tuple[Limit, ...]:
    """The limits among the *metadata* of an ``Annotated`` type."""
    return tuple(limit for item in metadata for limit in _limits_of(item))


def _limits_of(item: object) -> Iterable[Limit]:
    if isinstance(item, msgspec.Meta):
        return _named_limits(item)
    if isinstance(item, annotated_types.GroupedMetadata):
        return read_limits(item)
    if isinstance(item, annotated_types.BaseMetadata):
        return _named_limits(item)
    if type(item).__module__.startswith("pydantic."):  # Field(ge=1) of Pydantic
        return read_limits(getattr(item, "metadata", ()))
    return ()


def _named_limits(item: object) -> Iterable[Limit]:
    for name in _WORDS:
        value = getattr(item, name, None)
        if value is not None and not (name == "min_length" and value == 0):
            yield Limit(name, value)
