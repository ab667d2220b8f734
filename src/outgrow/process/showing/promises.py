"""What is said of methods and of those who use them, on every page alike."""

from __future__ import annotations

from outgrow.process.showing.catalogue import ShownUse

PROMISES = {
    "safe": "changes nothing, and may be repeated at will",
    "idempotent": "one key has one effect, and every repeat gets the first reply",
    "unsafe": "nothing is promised about repeats",
}


def words_of_use(use: ShownUse) -> str:
    """Where a call or a handler stands, and how the call comes there."""
    through = f", through {' and '.join(use.through)}" if use.through else ""
    return f"{'sent at ' if use.is_sent else ''}{use.place}{through}"
