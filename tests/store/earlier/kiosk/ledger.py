"""A ledger, which cannot write what it is forbidden to."""

from kiosk.till import Sold
from outgrow import (
    Contract,
    Event,
    Store,
    Transaction,
    command,
    on,
    query,
    service,
    transactional,
)


class Entered(Event, key=None):
    text: str


class Ledger(Contract):
    @command()
    async def forbid(self, article: str, forbidden: bool) -> None: ...

    @command()
    async def note(self, text: str) -> None: ...

    @query()
    async def list_entries(self) -> list[str]: ...


@service
class LedgerService(Ledger):
    store: Store

    @transactional
    async def forbid(self, tx: Transaction, article: str, forbidden: bool) -> None:
        await tx.execute("delete from forbidden where article = :article", article=article)
        if forbidden:
            await tx.execute("insert into forbidden values (:article)", article=article)

    @transactional
    async def note(self, tx: Transaction, text: str) -> None:
        await tx.execute("insert into entries (text) values (:text)", text=text)

    @on(Sold)
    async def enter(self, tx: Transaction, event: Sold) -> None:
        found = await tx.fetch_optional(
            str, "select article from forbidden where article = :article", article=event.article
        )
        if found is not None:
            raise RuntimeError(f"{event.article} is forbidden")
        text = f"{event.article} {event.cents}"
        await tx.execute("insert into entries (text) values (:text)", text=text)
        await tx.record(Entered(text=text))
        await tx.send(self.note, f"sent for {text}")

    @on(Entered)
    async def echo(self, tx: Transaction, event: Entered) -> None:
        await tx.execute("insert into entries (text) values (:text)", text=f"echo {event.text}")

    async def list_entries(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select text from entries order by text")
