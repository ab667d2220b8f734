"""A service that writes down what was sold, and by which of its replicas."""

from __future__ import annotations

import os

from outgrow import Store, Transaction, on, service, transactional
from tests.replicas.book.contract import Book, Line
from tests.replicas.till.contract import Sold


@service
class BookService(Book):
    """Keeps lines."""

    store: Store

    @transactional
    async def write(self, tx: Transaction, text: str) -> None:
        await self._add(tx, text, 0)

    async def get_lines(self) -> list[Line]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                Line, "select till, number, pid from lines order by nth"
            )

    @on(Sold)
    async def note(self, tx: Transaction, sold: Sold) -> None:
        await self._add(tx, sold.till, sold.number)

    async def _add(self, tx: Transaction, till: str, number: int) -> None:
        await tx.execute(
            "insert into lines (till, number, pid) values (:till, :number, :pid)",
            till=till,
            number=number,
            pid=os.getpid(),
        )
