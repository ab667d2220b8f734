"""What mail promises."""

from outgrow import Contract, Event, Problem, Record, command, query
from parity.ledger.contract import Seen


class Letter(Record):
    """A letter, and the execution that wrote it."""

    account: str
    text: str
    seen: Seen


class LetterWritten(Event, key=None):
    """A letter was written because something happened."""

    account: str


class AddressUnknown(Problem, status="not_found"):
    """Nobody lives at {account!r}."""

    account: str


class Mail(Contract):
    """Hears of what happened, and writes letters."""

    @command(raises=[AddressUnknown])
    async def write(self, account: str, text: str) -> None: ...

    @command()
    async def fail_next(self, account: str, times: int) -> None: ...

    @query()
    async def list_letters(self, account: str) -> list[Letter]: ...

    @query()
    async def count_letters(self, account: str) -> int: ...

    @query()
    async def count_openings(self) -> int: ...

    @query()
    async def get_heard(self, account: str) -> list[int]: ...

    @query()
    async def count_attempts(self, account: str) -> int: ...

    @query()
    async def count_chained(self, account: str) -> int: ...

    @query()
    async def get_sender(self) -> str: ...
