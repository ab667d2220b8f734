"""What notifications promises."""

from enum import StrEnum

from outgrow import Contract, Record, command, query


class LetterKind(StrEnum):
    """Why a letter was written."""

    WELCOME = "welcome"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    RECEIPT = "receipt"
    REFUND = "refund"
    SENT = "sent"


class Letter(Record):
    """A letter to a user, about an order or about the user."""

    letter_id: str
    user_id: str
    kind: LetterKind
    about: str
    text: str


class LetterTotals(Record):
    """Letters by kind; ``doubled`` are those that say what another has said."""

    welcome: int
    confirmed: int
    cancelled: int
    receipt: int
    refund: int
    sent: int
    doubled: int


class Notifications(Contract):
    """Writes letters to customers, and keeps them."""

    @command()
    async def write(self, user_id: str, kind: LetterKind, about: str, text: str) -> None:
        """Write a letter."""
        ...

    @query("GET /letters/totals", allow="letters:read")
    async def get_totals(self) -> LetterTotals:
        """Count all letters."""
        ...

    @query("GET /letters/{user_id}", allow="letters:read")
    async def list_letters(self, user_id: str) -> list[Letter]:
        """List the letters to a user, the oldest first, at most 1000."""
        ...
