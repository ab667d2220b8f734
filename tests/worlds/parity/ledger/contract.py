"""What the ledger promises."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Ge, MaxLen

from outgrow import Contract, Event, Problem, Record, command, query, upcast


class Colour(StrEnum):
    """Text with few values."""

    RED = "red"
    BLUE = "blue"


class Line(Record):
    """A record inside a record."""

    item: str
    quantity: Annotated[int, Ge(1)] = 1


class Everything(Record):
    """One field of every kind that a contract carries."""

    text: str
    number: int
    ratio: float
    truth: bool
    raw: bytes
    moment: datetime
    colour: Colour
    lines: list[Line]
    counts: dict[str, int]
    line: Line | None
    note: str | None
    tags: list[str] | None


class Seen(Record):
    """What an execution knew about itself."""

    subject: str
    kind: str
    tenant: str | None
    correlation_id: str
    trace: str
    span: str
    via: str
    key: str | None


class LedgerOpened(Event, key=None):
    """The ledger is about to open."""


class Paid(Event, key="account", schema=3, aliases=["CameIn"]):
    """Money came in."""

    account: str
    cents: int


@upcast(Paid, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {"account": old["account"], "price": {"cents": round(old["euros"] * 100)}}


@upcast(Paid, schema=2)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {"account": old["account"], "cents": old["price"]["cents"]}


class Closed(Event, key="account"):
    """An account was closed."""

    account: str


class AccountClosed(Problem, status="failed_precondition"):
    """Account {account!r} is closed since {cents} cents."""

    account: str
    cents: int = 0


class Undeclared(Problem, status="aborted"):
    """No method declares this."""


class Ledger(Contract):
    """Keeps accounts, and whatever else a callee may do."""

    @query()
    async def echo(self, value: Everything) -> Everything: ...

    @query()
    async def echo_none(self, text: str = "default", tags: list[str] | None = None) -> None: ...

    @query()
    async def join(
        self, text: str = "a", number: int = 7, tags: list[str] | None = None
    ) -> str: ...

    @query()
    async def spoil(self, lines: list[Line], counts: dict[str, int]) -> int: ...

    @query()
    async def get_held(self) -> list[str]: ...

    @query()
    async def limited(
        self, cents: Annotated[int, Ge(1)], name: Annotated[str, MaxLen(5)]
    ) -> int: ...

    @command(allow="ledger:pay", raises=[AccountClosed])
    async def pay(self, account: str, cents: int) -> int: ...

    @command(raises=[AccountClosed])
    async def pay_as_before(self, account: str, cents: int, schema: int) -> int: ...

    @command(raises=[AccountClosed])
    async def pay_all(self, accounts: list[str], cents: int) -> int: ...

    @command()
    async def close_account(self, account: str) -> None: ...

    @command()
    async def reopen_account(self, account: str) -> None: ...

    @command(raises=[AccountClosed])
    async def pay_then_refuse(self, account: str) -> None: ...

    @command()
    async def pay_then_fail(self, account: str) -> None: ...

    @query()
    async def get_balance(self, account: str) -> int: ...

    @query()
    async def count_payments(self, account: str) -> int: ...

    @query()
    async def fail(self, text: str) -> None: ...

    @query()
    async def cancel_itself(self) -> None: ...

    @query()
    async def refuse_undeclared(self) -> None: ...

    @query()
    async def see(self) -> Seen: ...

    @query()
    async def wait(self, name: str) -> None: ...

    @query(deadline="2s")
    async def wait_two_seconds(self, name: str) -> None: ...

    @query()
    async def has_begun(self, name: str) -> bool: ...

    @query()
    async def was_cancelled(self, name: str) -> bool: ...

    @command()
    async def call_inside(self, account: str) -> None: ...

    @command()
    async def wait_inside(self, account: str) -> None: ...

    @command(deadline="1s")
    async def pay_slowly(self, account: str) -> None: ...

    @command()
    async def pay_unless_first(self, account: str) -> int: ...

    @query()
    async def get_keys(self, account: str) -> list[str]: ...

    @command()
    async def reply_wrongly(self, account: str) -> int: ...

    @command()
    async def record_wrongly(self, account: str) -> None: ...

    @command(repeat="unsafe")
    async def count_up(self) -> int: ...

    @command()
    async def ring(self, account: str) -> None: ...

    @query()
    async def count_rings(self, account: str) -> int: ...
