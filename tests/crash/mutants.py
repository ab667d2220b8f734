"""
The framework with one safeguard removed: a harness that finds none of them proves nothing.

Each mutant replaces named functions of the running code, in the child only, and keeps the crash
points where they would stand in code that was written so. A function that is not there any more is
an error: then the mutant is to be planted anew.
"""

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any

from outgrow import crash
from outgrow.calls import MISSING
from outgrow.context import new_id
from outgrow.contracts import EventReader, event_type
from outgrow.journal import handlers, inbox
from outgrow.journal.consumers import waiting
from outgrow.journal.consumers.subscription import Subscription, _failure
from outgrow.journal.delivery import Delivery
from outgrow.journal.inbox import Inbox
from outgrow.journal.messages import Contexts
from outgrow.journal.outbox import Outbox
from outgrow.journal.replicas.leases import Leases
from outgrow.journal.timing import Timers
from outgrow.store import Store
from outgrow.store.sqlite.connection import Connection
from outgrow.store.sqlite.units import Work


def plant(name: str) -> None:
    """Remove the safeguard that the mutant *name* is without."""
    from tests.crash.saga_mutants import SAGA_MUTANTS

    (MUTANTS | SAGA_MUTANTS)[name]()


def replace(owner: Any, name: str, by: Any) -> Any:
    """Replace a function that must be there; what it was."""
    was = getattr(owner, name)
    setattr(owner, name, by)
    return was


async def advance_anyhow(self: Any, tx: Any, message: Any, _previous: int) -> None:
    """Note the highwater, whatever it was before."""
    await tx.own(
        "insert or replace into outgrow_highwater (consumer, source, partition, position) "
        "values (?, ?, ?, ?)",
        (self.name, self.source, message.partition, message.position),
    )


def inbox_check() -> None:
    """An event that was handled is not told from a new one, in memory or in the store."""

    async def deliver(self: Any, batch: Any) -> None:
        commits = [await self._take(message) for message in batch.messages]
        for commit in commits:
            await _failure(commit)

    replace(Subscription, "_deliver", deliver)
    replace(Subscription, "_advance", advance_anyhow)
    # Setting the same event aside twice is not what is tried here.
    replace(waiting, "_ADD", waiting._ADD.replace("insert into", "insert or replace into"))


def inbox_key() -> None:
    """The reply that is kept under a key is not looked for."""
    right = inbox._INSERT
    replace(inbox, "_INSERT", right.replace("do nothing", "do update set reply = excluded.reply"))
    replace(inbox, "_answer", lambda *_: MISSING)


def two_transactions() -> None:
    """The highwater is committed before the effect, not with it."""
    attempt = Subscription._attempt

    async def advance_and_attempt(
        self: Any, message: Any, previous: int | None, context: Any
    ) -> Any:
        if previous is not None:
            await self._store.transact(lambda tx: advance_anyhow(self, tx, message, previous))
        return await attempt(self, message, previous, context)

    async def effect(self: Any, tx: Any, message: Any, previous: int | None) -> None:
        if previous is None:
            await self.waiting.write_removed(tx, message)
        crash.at("journal.before_effect")
        await self._handle(tx, self._decode(message))
        crash.at("journal.after_effect")

    replace(Subscription, "_attempt", advance_and_attempt)
    replace(Subscription, "_effect", effect)
    replace(Subscription, "_advance", advance_anyhow)


def effect_first() -> None:
    """The effect is committed before the highwater, not with it."""
    attempt = Subscription._attempt

    async def attempt_and_advance(
        self: Any, message: Any, previous: int | None, context: Any
    ) -> Any:
        commit = await attempt(self, message, previous, context)
        if previous is None:
            return commit
        await commit
        crash.at("journal.after_effect")
        return await self._store.submit(lambda tx: advance_anyhow(self, tx, message, previous))

    async def effect(self: Any, tx: Any, message: Any, previous: int | None) -> None:
        if previous is None:
            await self.waiting.write_removed(tx, message)
        await self._handle(tx, self._decode(message))

    replace(Subscription, "_attempt", attempt_and_advance)
    replace(Subscription, "_effect", effect)


def cursor_first() -> None:
    """The position is saved before what was read is delivered."""

    deliver = Subscription._deliver

    async def save_and_deliver(self: Any, batch: Any) -> None:
        self.position = batch.position
        await self._save_cursor()
        await deliver(self, batch)

    replace(Subscription, "_deliver", save_and_deliver)


def order_ignored() -> None:
    """An event that failed does not hold up the next of its key."""
    take = Subscription._take

    async def take_alone(self: Any, message: Any) -> Any:
        lines = self.waiting.lines
        self.waiting.lines = {}
        try:
            return await take(self, message)
        finally:
            lines |= self.waiting.lines
            self.waiting.lines = lines

    replace(Subscription, "_take", take_alone)


def reply_apart() -> None:
    """The effect of a command and its reply are two transactions."""

    async def run_once(
        store: Store, keyed: Any, replies: Any, unit: Callable[..., Any], *_: str, **_kw: bool
    ) -> Any:
        kept = await store.transact(inbox._find, keyed, replies)
        if kept is MISSING:
            try:
                kept = await store.transact(unit)
            except replies.problems as problem:
                kept = problem
            crash.at("inbox.before_key")
            expires_at = inbox._expiry(store.clock, inbox.KEEP_SECONDS)
            await store.transact(inbox._insert, keyed, replies, kept, expires_at)
        if isinstance(kept, Exception):
            raise kept
        return kept

    # The room's door offers the decorator under the name of its file.
    replace(sys.modules["outgrow.journal.transactional"], "run_once", run_once)


def not_remembered() -> None:
    """The replies of plain commands are not kept."""

    async def remember(*given: Any) -> Any:
        crash.at("inbox.after_remember")
        return given[-1]

    replace(Inbox, "remember", remember)


def event_apart() -> None:
    """What is recorded is written after the commit of what it speaks of."""
    host, append = Delivery.host, Outbox.append
    tasks: set[asyncio.Task[None]] = set()

    def host_and_tell(self: Any, store: Store, outbox: Any, *rest: Any) -> Any:
        outbox.store, outbox.late = store, []
        return host(self, store, outbox, *rest)

    async def append_late(self: Any, _tx: Any, entries: list[Any]) -> None:
        self.late += entries

    def committed(self: Any) -> None:
        late, self.late = self.late, []

        async def write() -> None:
            await self.store.transact(lambda tx: append(self, tx, late))
            for _, wake in self._watchers:
                wake()

        task = asyncio.get_running_loop().create_task(write())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    replace(Delivery, "host", host_and_tell)
    replace(Outbox, "append", append_late)
    replace(Outbox, "committed", committed)


def send_key() -> None:
    """A command that is sent again has another key than before."""
    make = Contexts.make

    def make_anew(self: Any, message: Any, method: str, key: str, via: str = "") -> Any:
        return make(self, message, method, new_id() if via else key, via)

    replace(Contexts, "make", make_anew)


def told_first() -> None:
    """The reply of a command is told before its commit."""
    wait = Work.__await__

    def answer(self: Any) -> Generator[Any, Any, Any]:
        if self.name != "run_once.<locals>.once":
            return (yield from wait(self))
        return self.result

    replace(Work, "__await__", answer)


def not_synced() -> None:
    """A commit is told before the disk has it: the machine may forget it, and others may not."""
    prepare = Connection.prepare

    def prepare_carelessly(self: Any) -> None:
        prepare(self)
        self.raw.execute("pragma synchronous = normal")
        if self.raw.execute("pragma synchronous").fetchone() != (1,):
            raise AssertionError("the mutant is not planted")

    replace(Connection, "prepare", prepare_carelessly)


def unfenced() -> None:
    """Who has led commits what it began, whoever leads now."""

    async def check(*_: Any) -> None:
        pass

    replace(Leases, "check", check)


def upcast_step() -> None:
    """The first upcaster that an event needs is left out."""
    read = EventReader.read

    def read_from_next(self: Any, schema: int, body: str) -> Any:
        return read(self, min(schema + 1, self._schema), body)

    replace(EventReader, "read", read_from_next)


def alias_unheard() -> None:
    """A handler hears of its event under the name of today only."""
    replace(handlers, "event_names", lambda event: (event_type(event),))


def timer_apart() -> None:
    """What is due is taken from the timers in one transaction and recorded in another."""
    fire = Timers._fire

    async def take_and_fire(self: Any, tx: Any) -> int:
        taken = await fire(self, tx)
        self.late = list(tx.entries)
        tx.entries.clear()
        return taken

    turn = Timers._turn

    async def turn_and_record(self: Any) -> float:
        self.late = []
        wait_seconds = await turn(self)

        async def record(tx: Any) -> None:
            tx.entries.extend(self.late)

        if self.late:
            await self._store.transact(record)
        return wait_seconds

    replace(Timers, "_fire", take_and_fire)
    replace(Timers, "_turn", turn_and_record)


MUTANTS: dict[str, Callable[[], None]] = {
    "inbox_check": inbox_check,
    "inbox_key": inbox_key,
    "two_transactions": two_transactions,
    "effect_first": effect_first,
    "cursor_first": cursor_first,
    "order_ignored": order_ignored,
    "reply_apart": reply_apart,
    "not_remembered": not_remembered,
    "event_apart": event_apart,
    "send_key": send_key,
    "told_first": told_first,
    "not_synced": not_synced,
    "unfenced": unfenced,
    "upcast_step": upcast_step,
    "alias_unheard": alias_unheard,
    "timer_apart": timer_apart,
}
