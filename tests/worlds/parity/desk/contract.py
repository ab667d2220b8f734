"""What the desk promises."""

from outgrow import Contract, Event, command, query
from parity.ledger.contract import AccountClosed, Seen


class Rang(Event, key="account"):
    """A bell rang that was set before."""

    account: str
    seconds: float


class Desk(Contract):
    """Calls others, and tells how that went."""

    @query("GET /seen")
    async def see_chain(self) -> list[Seen]: ...

    @command("POST /payments", allow="desk:pay", raises=[AccountClosed])
    async def pay_twice(self, account: str, cents: int) -> list[int]: ...

    @command()
    async def pay_and_return_calls(self, account: str) -> int: ...

    @query()
    async def fail_below(self, text: str) -> str: ...

    @query()
    async def wait_below(self, name: str) -> str: ...

    @query()
    async def wait_and_let_it_fail(self, name: str) -> None: ...

    @command()
    async def catch_refused(self, account: str) -> str: ...

    @query()
    async def wait_below_and_fail(self, name: str) -> None: ...

    @command()
    async def wait_once(self, name: str) -> str: ...

    @command()
    async def pay_until_answered(self, account: str) -> int: ...

    @command()
    async def remember(self, account: str) -> str: ...

    @command()
    async def set_bells(
        self, account: str, seconds: list[float], name: str | None = None
    ) -> None: ...

    @command()
    async def set_bells_and_fail(self, account: str) -> None: ...

    @command()
    async def move_bell(self, name: str, seconds: float) -> bool: ...

    @command()
    async def take_bell(self, name: str) -> bool: ...

    @query()
    async def get_rung(self, account: str) -> list[float]: ...
