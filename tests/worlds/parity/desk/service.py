"""How the desk keeps its promise."""

from datetime import timedelta

from outgrow import Store, Transaction, new_id, on, service, transactional
from outgrow.errors import CallFailed, CallTimedOut
from parity.desk.contract import Desk, Rang
from parity.ledger.contract import AccountClosed, Ledger, Seen
from parity.seeing import see_context


@service
class DeskService(Desk):
    """Calls the ledger in every way in which a service may."""

    ledger: Ledger
    store: Store
    calls: int = 0

    async def see_chain(self) -> list[Seen]:
        return [see_context(), await self.ledger.see()]

    async def pay_twice(self, account: str, cents: int) -> list[int]:
        first = await self.ledger.pay(account, cents)
        second = await self.ledger.pay(account, cents)
        return [first, second]

    async def pay_and_return_calls(self, account: str) -> int:
        self.calls += 1
        await self.ledger.pay(account, 1)
        return self.calls

    async def fail_below(self, text: str) -> str:
        try:
            await self.ledger.fail(text)
        except CallFailed as failed:
            return f"{failed.method} {failed.error_type} {failed.error_text} {failed.may_have_run}"
        return "nothing"

    async def wait_below(self, name: str) -> str:
        try:
            await self.ledger.wait(name)
        except CallTimedOut as error:
            return f"{error.method} {error.may_have_run}"
        return "nothing"

    async def wait_and_let_it_fail(self, name: str) -> None:
        await self.ledger.fail(name)

    async def catch_refused(self, account: str) -> str:
        try:
            await self.ledger.pay(account, 1)
        except AccountClosed as refused:
            return f"{refused.account} {refused.cents} {refused}"
        return "nothing"

    async def wait_below_and_fail(self, name: str) -> None:
        await self.ledger.wait(name)

    async def wait_once(self, name: str) -> str:
        if not await self.ledger.has_begun(name):
            await self.ledger.wait(name)
        return "waited"

    async def pay_until_answered(self, account: str) -> int:
        try:
            return await self.ledger.pay_unless_first(account)
        except CallFailed:
            return await self.ledger.pay_unless_first(account)

    async def remember(self, account: str) -> str:
        return await self.keep(account)

    @transactional
    async def keep(self, tx: Transaction, account: str) -> str:
        """Called by the desk itself; each call has one effect."""
        kept_id = new_id()
        await tx.execute(
            "insert into kept (kept_id, account) values (:kept_id, :account)",
            kept_id=kept_id,
            account=account,
        )
        return kept_id

    @transactional
    async def set_bells(
        self, tx: Transaction, account: str, seconds: list[float], name: str | None = None
    ) -> None:
        await self._set_bells(tx, account, seconds, name)

    @transactional
    async def set_bells_and_fail(self, tx: Transaction, account: str) -> None:
        await self._set_bells(tx, account, [1.0], account)
        message = "after the bell was set"
        raise RuntimeError(message)

    @transactional
    async def move_bell(self, tx: Transaction, name: str, seconds: float) -> bool:
        return await tx.reschedule(name, timedelta(seconds=seconds))

    @transactional
    async def take_bell(self, tx: Transaction, name: str) -> bool:
        return await tx.cancel(name)

    async def get_rung(self, account: str) -> list[float]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                float, "select seconds from rung where account = :a order by number", a=account
            )

    @on(Rang)
    async def hear_bell(self, tx: Transaction, event: Rang) -> None:
        """Write down each bell in the order in which they ring."""
        await tx.execute(
            "insert into rung (account, seconds) values (:account, :seconds)",
            account=event.account,
            seconds=event.seconds,
        )

    async def _set_bells(
        self, tx: Transaction, account: str, seconds: list[float], name: str | None
    ) -> None:
        """A bell after each of *seconds*, and a payment with the last."""
        for after in seconds:
            await tx.execute(
                "insert into bells (bell_id, account, seconds) values (:id, :account, :seconds)",
                id=new_id(),
                account=account,
                seconds=after,
            )
            later = tx.later(timedelta(seconds=after), name=name)
            await later.record(Rang(account=account, seconds=after))
        await tx.later(timedelta(seconds=max(seconds))).send(self.ledger.ring, account)
