"""What hearing promises."""

from outgrow import Contract


class Hearing(Contract):
    """Hears of what was counted."""
