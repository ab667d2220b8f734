"""A service and another one that calls it, each in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from outgrow.clock import Clock, SystemClock
from outgrow.journal import in_process
from outgrow.process import Application, Options, Seating, leashed, start_application
from outgrow.process.apart import Apart
from outgrow.topology import read_topology

ROOT = Path(__file__).parents[2]
BANK = """
from outgrow import *
class Entry(Record):
    entry_id: str
class Full(Problem, status="resource_exhausted"):
    "The account {account} is full."
    account: str
class Bank(Contract):
    @command("POST /entries", raises=[Full])
    async def enter(self, account: str, cents: int = 1) -> Entry: ...
    @query("GET /entries/{account}")
    async def count(self, account: str) -> int: ...
    @query()
    async def who(self) -> list[str]: ...
    @query()
    async def hang(self) -> None: ...
    @query()
    async def begun(self) -> int: ...
    @query()
    async def listed(self, names: list[str]) -> list[str]: ...
"""
BANK_SERVICE = """
import asyncio
from outgrow import *
from bank.contract import Bank, Entry, Full
SERVICES = []
@service
class BankService(Bank):
    store: Store
    async def open(self) -> None:
        self.hanging, self.released, self.names = 0, asyncio.Event(), []
        SERVICES.append(self)
    @transactional
    async def enter(self, tx: Transaction, account: str, cents: int = 1) -> Entry:
        if account == "full":
            raise Full(account=account)
        if account == "broken":
            raise RuntimeError("no ink")
        entry = Entry(entry_id=new_id())
        await tx.execute("insert into entries values (:entry_id, :account, :cents)",
                         entry_id=entry.entry_id, account=account, cents=cents)
        return entry
    async def count(self, account: str) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select count(*) from entries where account = :account", account=account
            )
    async def who(self) -> list[str]:
        c = context()
        return [c.caller.subject, c.caller.tenant or "", c.via, c.correlation_id,
                f"{c.trace_id:x}", c.key or ""]
    async def hang(self) -> None:
        self.hanging += 1
        await self.released.wait()
    async def begun(self) -> int:
        return self.hanging
    async def listed(self, names: list[str]) -> list[str]:
        self.names = names
        names.append("bank")
        return self.names
"""
DESK = """
from outgrow import *
from bank.contract import Bank, Entry, Full
class Desk(Contract):
    @command("POST /desk", raises=[Full])
    async def serve(self, account: str) -> list[Entry]: ...
    @query()
    async def who(self) -> list[str]: ...
    @command()
    async def send(self, account: str) -> None: ...
    @command()
    async def call_inside(self, account: str) -> None: ...
@service
class DeskService(Desk):
    bank: Bank
    store: Store
    async def serve(self, account: str) -> list[Entry]:
        return [await self.bank.enter(account), await self.bank.enter(account)]
    async def who(self) -> list[str]:
        c = context()
        return [c.correlation_id, f"{c.trace_id:x}", *(await self.bank.who())]
    @transactional
    async def send(self, tx: Transaction, account: str) -> None:
        await tx.send(self.bank.enter, account)
    @transactional
    async def call_inside(self, tx: Transaction, account: str) -> None:
        await self.bank.enter(account)
"""
TABLE = "create table entries (entry_id text primary key, account text, cents integer);"


def write_bank(folder: Path, contract: str = BANK) -> None:
    (folder / "bank" / "migrations").mkdir(parents=True)
    (folder / "bank" / "__init__.py").touch()
    (folder / "bank" / "contract.py").write_text(contract)
    (folder / "bank" / "service.py").write_text(BANK_SERVICE)
    (folder / "bank" / "migrations" / "0001_entries.sql").write_text(TABLE)
    (folder / "desk.py").write_text(DESK)
    toml = '[app]\nname = "tried"\nservices = ["bank", "desk"]\n'
    (folder / "outgrow.toml").write_text(toml)


@asynccontextmanager
async def process(
    file: Path,
    seating: Seating,
    name: str,
    *,
    grace_seconds: float = 5.0,
    serves: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Application]:
    """One process of the topology, in this one; without events, which need a broker."""
    apart = Apart(seating, name, grace_seconds=grace_seconds)
    options = apart.options(
        Options(is_open=True, state=file.parent / "state", clock=clock or SystemClock())
    )
    plan = read_topology(file)
    async with start_application(plan, replace(options, broker=in_process)) as app:
        if not serves:
            yield app
            return
        async with app.serve():
            yield app
            app.set_draining()


@asynccontextmanager
async def child(folder: Path, seating: Seating) -> AsyncIterator[None]:
    """The process of the bank, with the contract that stands in *folder*."""
    path = folder / "seating.json"
    seating.write(path)
    words = (str(folder / "outgrow.toml"), str(path), "b")
    program = await asyncio.create_subprocess_exec(
        *leashed(sys.executable, "-m", "tests.process.host", *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert await program.stdout.readline() == b"ready\n"
        yield
    finally:
        program.terminate()
        await program.communicate()
