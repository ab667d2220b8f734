"""How loans are kept: a class for each version, in one store."""

from library.loans.contract import v1, v2
from outgrow import Settings, Store, Transaction, new_id, service, transactional


class DeskSettings(Settings):
    days: int


class FineSettings(Settings):
    fine: int


async def lend_book(tx: Transaction, loan_id: str, book: str) -> None:
    known = "select count(*) from loans where book = :book"
    if await tx.fetch_one(int, known, book=book):
        raise v1.AlreadyLent(book=book)
    insert = "insert into loans (loan_id, book) values (:loan_id, :book)"
    await tx.execute(insert, loan_id=loan_id, book=book)
    await tx.record(v1.Lent(book=book))


@service
class LoansService(v1.Loans, v1.Desk, v2.DeskV2):
    store: Store
    settings: DeskSettings

    @transactional
    async def lend(self, tx: Transaction, book: str) -> v1.Loan:
        loan_id = new_id()
        await lend_book(tx, loan_id, book)
        return v1.Loan(loan_id=loan_id, book=book)

    async def get_loan(self, loan_id: str) -> v1.Loan:
        async with self.store.read() as snapshot:
            sql = "select loan_id, book from loans where loan_id = :loan_id"
            return await snapshot.fetch_one(v1.Loan, sql, loan_id=loan_id)

    async def count(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(int, "select count(*) from loans")

    @transactional
    async def stamp(self, tx: Transaction, text: str) -> str:
        insert = "insert into loans (loan_id, book) values (:loan_id, :book)"
        stamp = f"{text} {new_id()}"
        await tx.execute(insert, loan_id=new_id(), book=stamp)
        return stamp

    async def days(self) -> int:
        return self.settings.days


@service
class LoansV2Service(v2.LoansV2):
    store: Store
    settings: FineSettings

    @transactional
    async def lend(self, tx: Transaction, books: list[str]) -> v2.Loan:
        loan_id = new_id()
        for book in books:
            await lend_book(tx, loan_id, book)
        return v2.Loan(loan_id=loan_id, books=books, fine=self.settings.fine)

    @transactional
    async def give_back(self, tx: Transaction, loan_id: str) -> None:
        sql = "delete from loans where loan_id = :loan_id returning book"
        for book in await tx.fetch_all(str, sql, loan_id=loan_id):
            await tx.record(v2.Returned(book=book))

    async def get_loan(self, loan_id: str) -> v2.Loan:
        async with self.store.read() as snapshot:
            sql = "select book from loans where loan_id = :loan_id order by book"
            books = await snapshot.fetch_all(str, sql, loan_id=loan_id)
        return v2.Loan(loan_id=loan_id, books=books, fine=self.settings.fine)
