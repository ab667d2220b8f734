"""What the child is asked to do, and what must have come of it however often it died."""

from dataclasses import dataclass, field
from typing import Any

from tests.crash.bells import BELLS

ANY = "whatever was replied first"

ACCOUNTS = ("a", "b", "c", "d")
PAID = [1, 2, 10, 10, 1, 3]
"""What is paid into each account, in this order."""

STUMBLING = "c"
"""The account whose first events are handled in vain."""

CLOSED_ONLY = "e"
"""Its one letter is sent, at first in vain."""

FAILURES = 2
"""How often in a life; attempts are counted on over lives, and eight in vain would park a key."""

LIVES_WITH_FAILURES = 3


@dataclass(frozen=True)
class Command:
    """A command as a client sends it, again and again under one key until it is answered."""

    key: str
    method: str
    arguments: dict[str, Any] = field(hash=False)
    reply: Any = ANY

    @property
    def service(self) -> str:
        return self.method.partition(".")[0]


def _command(account: str, n: int, method: str, reply: Any, **arguments: Any) -> Command:
    return Command(f"{account}-{n}", method, {"account": account} | arguments, reply)


def waves() -> list[list[list[Command]]]:
    """Waves, one after the other, of accounts, at once, of commands, one after the other."""
    first = [
        [
            _command(account, 1, "ledger.pay", 1, cents=1),
            _command(account, 2, "ledger.pay", 3, cents=2),
            _command(account, 3, "desk.pay_twice", [13, 23], cents=10),
            _command(account, 4, "desk.remember", ANY),
            _command(account, 9, "desk.set_bells", None, seconds=BELLS),
        ]
        for account in ACCOUNTS
    ]
    second = [
        [
            _command(account, 5, "desk.pay_and_return_calls", ANY),
            _command(account, 6, "ledger.pay", 27, cents=3),
            _command(account, 7, "ledger.close_account", None),
            _command(account, 8, "ledger.pay", {"AccountClosed": [account, 4]}, cents=4),
        ]
        for account in ACCOUNTS
    ]
    closed_only = [_command(CLOSED_ONLY, 1, "ledger.close_account", None)]
    return [[*first, closed_only], second]


COMMANDS = {command.key: command for wave in waves() for account in wave for command in account}
