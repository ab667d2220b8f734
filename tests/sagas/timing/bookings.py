"""A service whose sagas wait: for a time, for a moment, for events; and are begun by some."""

from __future__ import annotations

from datetime import datetime, timedelta

from outgrow import Saga, Store, Transaction, on, saga, transactional
from outgrow.contracts import Contract, Event, Problem, command, query
from tests.sagas.timing.tills import Closed, Paid, Tills

MIGRATION = """
create table notes (position integer primary key, name text not null, said text not null);
"""


class Unpaid(Problem, status="failed_precondition"):
    """{name} was not paid in time."""

    name: str


class Unheard(Event, key="name"):
    name: str


class Bookings(Contract):
    @command()
    async def remind(self, name: str, seconds: int) -> str: ...

    @command()
    async def wake(self, name: str, when: datetime) -> str: ...

    @command()
    async def rest(self, name: str, seconds: int) -> str: ...

    @command()
    async def sell(self, name: str) -> int: ...

    @command(raises=[Unpaid])
    async def offer(self, name: str, seconds: int) -> int: ...

    @command()
    async def sell_late(self, name: str) -> int: ...

    @command()
    async def wait_unheard(self, name: str) -> None: ...

    @command()
    async def wait_aside(self, name: str) -> str: ...

    @command(raises=[Unpaid])
    async def charge(self, name: str, cents: int) -> str: ...

    @query()
    async def notes(self, name: str) -> list[str]: ...


class BookingsService(Bookings):
    """
    Attributes:
        said: What was done, also what was rolled back.
        moments: What `run.now()` said, in each run.
    """

    def __init__(self, store: Store, tills: Tills) -> None:
        self.store = store
        self.tills = tills
        self.said: list[str] = []
        self.moments: list[datetime] = []
        self.trouble: list[Exception] = []

    @saga(deadline="30d")
    async def remind(self, run: Saga, name: str, seconds: int) -> str:
        run.tag(name=name)
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        self.moments.append(run.now())
        await run.sleep(timedelta(seconds=seconds))
        await run.step(self.note, name, "reminded")
        return f"{name} {run.now().isoformat()}"

    @saga(deadline="10000d")
    async def wake(self, run: Saga, name: str, when: datetime) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        await run.sleep(when)
        return name

    @saga(deadline="10m")
    async def rest(self, run: Saga, name: str, seconds: int) -> str:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        await run.sleep(timedelta(seconds=seconds))
        await run.sleep(timedelta(seconds=seconds))
        return name

    @saga(deadline="30d")
    async def sell(self, run: Saga, name: str) -> int:
        await run.step(self.note, name, "reserved").undo(self.erase, name)
        paid = await run.until(Paid, name)
        await run.step(self.note, name, f"paid {paid.cents}")
        return paid.cents

    @saga(deadline="30d")
    async def offer(self, run: Saga, name: str, seconds: int) -> int:
        await run.step(self.note, name, "offered").undo(self.erase, name)
        paid = await run.until(Paid, name, within=timedelta(seconds=seconds))
        if paid is None:
            raise Unpaid(name=name)
        return paid.cents

    @saga(deadline="30d")
    async def sell_late(self, run: Saga, name: str) -> int:
        await run.sleep(timedelta(days=3))
        return (await run.until(Paid, name)).cents

    @saga
    async def wait_unheard(self, run: Saga, name: str) -> None:
        event: type[Event] = globals()["Unheard"]
        await run.until(event, name)

    @saga(deadline="30d")
    async def wait_aside(self, run: Saga, name: str) -> str:
        return await self._closed(run, name)

    async def _closed(self, run: Saga, name: str) -> str:
        return (await run.until(Closed, name)).order_id

    @saga
    async def charge(self, run: Saga, name: str, cents: int) -> str:
        """Everything that a history can hold, beside waiting."""
        before = await self.tills.paid(name)
        order_id = run.new_id()
        await run.step(self.note, name, order_id).undo(self.erase, name)
        await run.all(
            run.step(self.tills.pay, name, cents).undo(self.tills.take_back, name),
            run.step(self.tills.pay, order_id, cents).undo(self.tills.take_back, order_id),
        )
        if cents > 100:
            raise Unpaid(name=name)
        await run.step(self.note, name, run.now().isoformat()).pivot()
        await run.step(self.tills.close_order, name)
        return f"{order_id} {before}"

    @on(Paid)
    @saga
    async def thank(self, run: Saga, event: Paid) -> None:
        await run.step(self.note, event.order_id, "thanked").undo(self.erase, event.order_id)
        if event.cents < 0:
            raise Unpaid(name=event.order_id)

    @transactional
    async def note(self, tx: Transaction, name: str, said: str) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.said.append(f"{name} {said}")
        ((last,),) = await tx.own("select coalesce(max(position), 0) from notes", ())
        sql = "insert into notes (position, name, said) values (:p, :name, :said)"
        await tx.execute(sql, p=last + 1, name=name, said=said)

    @transactional
    async def erase(self, tx: Transaction, name: str) -> None:
        self.said.append(f"{name} erased")
        await tx.execute("delete from notes where name = :name", name=name)

    async def notes(self, name: str) -> list[str]:
        async with self.store.read() as snapshot:
            sql = "select said from notes where name = :name order by position"
            return await snapshot.fetch_all(str, sql, name=name)
