"""How the ledger keeps its promise."""

import asyncio
from dataclasses import field

from outgrow import Store, Transaction, context, new_id, on, service, transactional
from parity.ledger.before import paid_in
from parity.ledger.contract import (
    AccountClosed,
    Closed,
    Everything,
    Ledger,
    LedgerOpened,
    Line,
    Paid,
    Seen,
    Undeclared,
)
from parity.mail.contract import Mail
from parity.seeing import see_context


@service
class LedgerService(Ledger):
    """Keeps accounts in one table and what happened in another."""

    store: Store
    mail: Mail
    held: list[str] = field(default_factory=lambda: ["kept"])
    begun: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    keys: dict[str, list[str]] = field(default_factory=dict)
    counted: int = 0

    async def open(self) -> None:
        async def record(tx: Transaction) -> None:
            await tx.record(LedgerOpened())

        await self.store.transact(record)

    async def echo(self, value: Everything) -> Everything:
        return value

    async def echo_none(self, text: str = "default", tags: list[str] | None = None) -> None:
        return None

    async def join(self, text: str = "a", number: int = 7, tags: list[str] | None = None) -> str:
        return f"{text}-{number}-{tags}"

    async def spoil(self, lines: list[Line], counts: dict[str, int]) -> int:
        lines.append(Line(item="spoiled"))
        counts["spoiled"] = 1
        return len(lines) + len(counts)

    async def get_held(self) -> list[str]:
        return self.held

    async def limited(self, cents: int, name: str) -> int:
        return cents

    @transactional
    async def pay(self, tx: Transaction, account: str, cents: int) -> int:
        return await self._pay(tx, account, cents)

    @transactional
    async def pay_as_before(self, tx: Transaction, account: str, cents: int, schema: int) -> int:
        return await self._pay(tx, account, cents, schema)

    @transactional
    async def pay_all(self, tx: Transaction, accounts: list[str], cents: int) -> int:
        for account in accounts:
            await self.pay(account, cents)
        return await tx.fetch_one(int, "select coalesce(sum(cents), 0) from payments")

    @transactional
    async def close_account(self, tx: Transaction, account: str) -> None:
        await tx.execute(
            "insert into closed (account) values (:account) on conflict do nothing",
            account=account,
        )
        await tx.record(Closed(account=account))

    @transactional
    async def reopen_account(self, tx: Transaction, account: str) -> None:
        await tx.execute("delete from closed where account = :account", account=account)

    @transactional
    async def pay_then_refuse(self, tx: Transaction, account: str) -> None:
        cents = await self._pay(tx, account, 100)
        raise AccountClosed(account=account, cents=cents)

    @transactional
    async def pay_then_fail(self, tx: Transaction, account: str) -> None:
        await self._pay(tx, account, 100)
        message = "after the payment"
        raise RuntimeError(message)

    async def get_balance(self, account: str) -> int:
        return await self._ask("select coalesce(sum(cents), 0)", account)

    async def count_payments(self, account: str) -> int:
        return await self._ask("select count(*)", account)

    async def fail(self, text: str) -> None:
        raise ZeroDivisionError(text)

    async def cancel_itself(self) -> None:
        raise asyncio.CancelledError

    async def refuse_undeclared(self) -> None:
        raise Undeclared

    async def see(self) -> Seen:
        return see_context()

    async def wait(self, name: str) -> None:
        self.begun.add(name)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.add(name)
            raise

    async def wait_two_seconds(self, name: str) -> None:
        await self.wait(name)

    async def has_begun(self, name: str) -> bool:
        return name in self.begun

    async def was_cancelled(self, name: str) -> bool:
        return name in self.cancelled

    @transactional
    async def call_inside(self, tx: Transaction, account: str) -> None:
        await self._pay(tx, account, 100)
        await self.mail.count_letters(account)

    @transactional
    async def wait_inside(self, tx: Transaction, account: str) -> None:
        await self._pay(tx, account, 100)
        await asyncio.sleep(0)  # noqa: TID251 - what a unit must not do

    @transactional
    async def pay_slowly(self, tx: Transaction, account: str) -> None:
        self.begun.add(account)
        await self._pay(tx, account, 100)

    @transactional
    async def pay_unless_first(self, tx: Transaction, account: str) -> int:
        keys = self.keys.setdefault(account, [])
        keys.append(context().key or "")
        if len(keys) == 1:
            message = "the first attempt"
            raise OSError(message)
        return await self._pay(tx, account, 1)

    async def get_keys(self, account: str) -> list[str]:
        return self.keys.get(account, [])

    @transactional
    async def reply_wrongly(self, tx: Transaction, account: str) -> int:
        await self._pay(tx, account, 1)
        return "one"  # type: ignore[return-value]

    @transactional
    async def record_wrongly(self, tx: Transaction, account: str) -> None:
        await self._pay(tx, account, 1)
        await tx.record(Paid(account=account, cents="one"))  # type: ignore[arg-type]

    async def count_up(self) -> int:
        self.counted += 1
        return self.counted

    @transactional
    async def ring(self, tx: Transaction, account: str) -> None:
        await tx.execute(
            "insert into rings (ring_id, account) values (:id, :account)",
            id=new_id(),
            account=account,
        )

    async def count_rings(self, account: str) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select count(*) from rings where account = :account", account=account
            )

    @on(Closed)
    async def note_closed(self, tx: Transaction, event: Closed) -> None:
        """Listen to the ledger's own events."""
        await tx.execute(
            "insert into noted (noted_id, account) values (:noted_id, :account)",
            noted_id=new_id(),
            account=event.account,
        )
        await tx.send(self.mail.write, event.account, "closed")

    async def _pay(self, tx: Transaction, account: str, cents: int, schema: int = 3) -> int:
        if await tx.fetch_all(str, "select account from closed where account = :a", a=account):
            raise AccountClosed(account=account, cents=cents)
        await tx.execute(
            "insert into payments (payment_id, account, cents) values (:id, :account, :cents)",
            id=new_id(),
            account=account,
            cents=cents,
        )
        await tx.record(paid_in(schema, account, cents))
        return await tx.fetch_one(
            int, "select sum(cents) from payments where account = :account", account=account
        )

    async def _ask(self, what: str, account: str) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, f"{what} from payments where account = :account", account=account
            )
