"""Durations as people write them: ``"500ms"``, ``"2s"``, ``"5m"``, ``"24h"``."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """
    The number of seconds that *text* means.

    Raises:
        ValueError: It is not a positive number with one of the units ms, s, m, h, d.
    """
    form = _FORM.fullmatch(text)
    if form is None or float(form[1]) == 0:
        message = (
            f"{text!r} is no duration. Write a number and one of the units ms, s, m, h and d, such "
            'as "500ms", "2s" or "30d".'
        )
        raise ValueError(message)
    return float(form[1]) * _UNITS[form[2]]
