"""How mail keeps its promise."""

from dataclasses import field

from outgrow import Settings, Store, Transaction, new_id, on, service, transactional
from parity.ledger.contract import LedgerOpened, Paid
from parity.mail.contract import AddressUnknown, Letter, LetterWritten, Mail
from parity.seeing import see_context


class MailSettings(Settings):
    """What mail is told from outside."""

    sender: str
    copies: int = 1


@service
class MailService(Mail):
    """Keeps its letters where a test can read them."""

    store: Store
    settings: MailSettings
    failures: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    openings: int = 0

    @transactional
    async def write(self, tx: Transaction, account: str, text: str) -> None:
        self._attempt(account)
        if account.startswith("nowhere"):
            raise AddressUnknown(account=account)
        await self._write(tx, account, text)

    async def fail_next(self, account: str, times: int) -> None:
        self.failures[account] = times
        self.attempts[account] = 0

    async def list_letters(self, account: str) -> list[Letter]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                Letter,
                "select account, text, seen from letters where account = :a order by letter_id",
                a=account,
            )

    async def count_letters(self, account: str) -> int:
        return len(await self.list_letters(account))

    async def get_heard(self, account: str) -> list[int]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                int, "select cents from heard where account = :a order by heard_id", a=account
            )

    async def count_attempts(self, account: str) -> int:
        return self.attempts.get(account, 0)

    async def count_chained(self, account: str) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select count(*) from chained where account = :a", a=account
            )

    async def get_sender(self) -> str:
        return self.settings.sender * self.settings.copies

    async def count_openings(self) -> int:
        return self.openings

    @on(LedgerOpened)
    async def hear_opening(self, _: Transaction, __: LedgerOpened) -> None:
        """Count what is recorded before anybody can call."""
        self.openings += 1

    @on(Paid)
    async def hear(self, tx: Transaction, event: Paid) -> None:
        """Write down every payment in the order in which it is heard of."""
        self._attempt(event.account)
        await tx.execute(
            "insert into heard (account, cents) values (:account, :cents)",
            account=event.account,
            cents=event.cents,
        )
        await self._write(tx, event.account, f"{event.cents} cents came in")
        await tx.record(LetterWritten(account=event.account))

    @on(LetterWritten)
    async def chain(self, tx: Transaction, event: LetterWritten) -> None:
        """Listen to what one of its own handlers has recorded."""
        await tx.execute(
            "insert into chained (chained_id, account) values (:id, :account)",
            id=new_id(),
            account=event.account,
        )

    def _attempt(self, account: str) -> None:
        self.attempts[account] = self.attempts.get(account, 0) + 1
        if self.failures.get(account, 0) > 0:
            self.failures[account] -= 1
            message = "the pen is dry"
            raise OSError(message)

    async def _write(self, tx: Transaction, account: str, text: str) -> None:
        await tx.execute(
            "insert into letters (letter_id, account, text, seen)"
            " values (:letter_id, :account, :text, :seen)",
            letter_id=new_id(),
            account=account,
            text=text,
            seen=see_context(),
        )
