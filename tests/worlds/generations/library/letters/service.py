"""How letters are written: it calls both versions of loans, and hears the events of both."""

from library.letters.contract import Letters
from library.loans.contract.v1 import Lent, Loans
from library.loans.contract.v2 import Loan, LoansV2, Returned
from outgrow import Store, Transaction, on, service, transactional


@service
class LettersService(Letters):
    store: Store
    loans: Loans
    loans_v2: LoansV2

    async def lend_both(self, book: str, books: list[str]) -> None:
        await self.loans.lend(book)
        await self.loans_v2.lend(books)

    async def new(self, books: list[str]) -> Loan:
        return await self.loans_v2.lend(books)

    @transactional
    async def lend_later(self, tx: Transaction, books: list[str]) -> None:
        await tx.send(self.loans_v2.lend, books)

    async def heard(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select what from heard order by position")

    @on(Lent, Returned)
    async def hear(self, tx: Transaction, event: Lent | Returned) -> None:
        what = f"{type(event).__name__} {event.book}"
        await tx.execute("insert into heard (what) values (:what)", what=what)
