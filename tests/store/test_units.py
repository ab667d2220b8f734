"""Units of work: what they may wait for, what they may do, and whom it harms if they may not."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.context import Caller, Context, current, enter, leave
from outgrow.errors import (
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    StoreError,
    TransactionClosed,
    WaitedInTransaction,
)
from outgrow.store import Store, Transaction

ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) "


async def put(tx: Transaction, name: str, n: int = 0) -> str:
    await tx.execute("insert into item (name, n) values (:name, :n)", name=name, n=n)
    return name


async def names(store: Store) -> list[str]:
    async with store.read() as snapshot:
        return await snapshot.fetch_all(str, "select name from item order by name")


async def own_commit(tx: Transaction) -> None:
    await tx.execute("commit")


async def own_begin(tx: Transaction) -> None:
    await tx.execute("begin")


async def own_savepoint(tx: Transaction) -> None:
    await tx.execute("savepoint mine")


async def own_rollback_behind_a_comment(tx: Transaction) -> None:
    await tx.execute("/* all */ rollback")


async def marked_commit(tx: Transaction) -> None:
    await tx.execute("/*outgrow*/ commit")


async def attach(tx: Transaction) -> None:
    await tx.execute("attach 'other.sqlite3' as other")


async def pragma(tx: Transaction) -> None:
    await tx.execute("pragma foreign_keys = off")


async def vacuum_into(tx: Transaction) -> None:
    await tx.execute("vacuum into :path", path="copy.sqlite3")


async def temporary_table(tx: Transaction) -> None:
    await tx.execute("create temp table item (name text)")


async def outgrow_table(tx: Transaction) -> None:
    await tx.execute("insert into outgrow_probe values (1)")


async def outgrow_table_read(tx: Transaction) -> None:
    await tx.fetch_all(int, "select count(*) from outgrow_probe")


async def sequence_table(tx: Transaction) -> None:
    await tx.execute("delete from sqlite_sequence")


async def or_rollback(tx: Transaction) -> None:
    await tx.execute("insert or rollback into item (name) values ('first')")


async def trigger_rollback(tx: Transaction) -> None:
    await tx.execute("insert into item (name, n) values ('unlucky', 13)")


async def sleep_zero(_: Transaction) -> None:
    await SystemClock().sleep(0)


async def a_future(_: Transaction) -> None:
    await asyncio.get_running_loop().create_future()


async def a_timeout(_: Transaction) -> None:
    async with asyncio.timeout(5):
        await asyncio.Event().wait()


async def another_task(_: Transaction) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(SystemClock().sleep(0))


async def endless_select(tx: Transaction) -> None:
    await tx.fetch_one(int, ENDLESS + "select count(*) from c")


async def endless_insert(tx: Transaction) -> None:
    await tx.execute("insert into item (name) " + ENDLESS + "select 'x' || x from c")


MISBEHAVIOURS: list[tuple[Any, type[Exception]]] = [
    (own_commit, StatementRefused),
    (own_begin, StatementRefused),
    (own_savepoint, StatementRefused),
    (own_rollback_behind_a_comment, StatementRefused),
    (marked_commit, StatementRefused),
    (attach, StatementRefused),
    (pragma, StatementRefused),
    (vacuum_into, StatementFailed),
    (temporary_table, StatementRefused),
    (outgrow_table, StatementRefused),
    (outgrow_table_read, StatementRefused),
    (sequence_table, StatementRefused),
    (or_rollback, StatementFailed),
    (trigger_rollback, StatementFailed),
    (sleep_zero, WaitedInTransaction),
    (a_future, WaitedInTransaction),
    (a_timeout, WaitedInTransaction),
    (endless_select, StatementInterrupted),
    (endless_insert, StatementInterrupted),
]


@pytest.mark.parametrize("swallows", [False, True], ids=["raises", "swallows"])
@pytest.mark.parametrize(
    ("misbehave", "error"), MISBEHAVIOURS, ids=[unit.__name__ for unit, _ in MISBEHAVIOURS]
)
async def test_a_unit_that_misbehaves_fails_alone(
    store: Store, misbehave: Any, error: type[Exception], swallows: bool
) -> None:
    async def bad(tx: Transaction) -> None:
        await put(tx, "of the bad one")
        try:
            await misbehave(tx)
        except Exception:
            if not swallows or (error is StatementFailed and misbehave is vacuum_into):
                raise

    for warm in ("w1", "w2"):
        await store.transact(put, warm)
    first, failed, last = await asyncio.gather(
        store.transact(put, "first"),
        store.transact(bad),
        store.transact(put, "last"),
        return_exceptions=True,
    )

    assert (first, last) == ("first", "last")
    assert isinstance(failed, error)
    assert await names(store) == ["first", "last", "w1", "w2"]
    await store.transact(put, "after")


async def test_a_refusal_names_the_line_that_waits(store: Store) -> None:
    with pytest.raises(WaitedInTransaction, match=r"test_units\.py:\d+: waited for something"):
        await store.transact(sleep_zero)


async def test_a_unit_that_swallows_refusals_for_ever_is_ended(store: Store) -> None:
    async def stubborn(tx: Transaction) -> None:
        await put(tx, "stubborn")
        while True:
            try:
                await SystemClock().sleep(0)
            except WaitedInTransaction:
                continue

    with pytest.raises(WaitedInTransaction):
        await store.transact(stubborn)
    assert await names(store) == []


async def test_a_task_group_in_a_unit_is_refused(store: Store) -> None:
    with pytest.raises(BaseException) as caught:
        await store.transact(another_task)
    assert isinstance(caught.value, WaitedInTransaction) or caught.group_contains(
        WaitedInTransaction
    )
    await store.transact(put, "after")


async def test_an_exception_of_the_units_own_comes_out_and_takes_only_its_changes(
    store: Store,
) -> None:
    async def fails(tx: Transaction) -> None:
        await put(tx, "bad")
        raise KeyError("mine")

    good, failed = await asyncio.gather(
        store.transact(put, "good"), store.transact(fails), return_exceptions=True
    )

    assert good == "good"
    assert isinstance(failed, KeyError)
    assert await names(store) == ["good"]


async def test_a_failed_statement_may_be_survived(store: Store) -> None:
    async def careful(tx: Transaction) -> str:
        await put(tx, "a")
        with pytest.raises(StatementFailed) as caught:
            await put(tx, "a")
        assert caught.value.kind == "IntegrityError"
        return await put(tx, "b")

    assert await store.transact(careful) == "b"
    assert await names(store) == ["a", "b"]


async def test_neighbours_of_a_lost_batch_run_again_once_and_in_order(store: Store) -> None:
    runs = []

    async def numbered(tx: Transaction, n: int) -> int:
        runs.append(n)
        await put(tx, f"item {n}")
        return await tx.fetch_one(int, "select count(*) from item")

    await store.transact(put, "first")
    await store.transact(numbered, 0)
    runs.clear()
    results = await asyncio.gather(
        store.transact(numbered, 1),
        store.transact(numbered, 2),
        store.transact(or_rollback),
        store.transact(numbered, 3),
        return_exceptions=True,
    )

    assert runs == [1, 2, 1, 2, 3]
    assert [r for r in results if isinstance(r, int)] == [3, 4, 5]
    assert store.statistics()["units_repeated"] == 2


async def test_a_repeated_unit_keeps_its_callers_context(store: Store) -> None:
    seen = []

    async def look(tx: Transaction, name: str) -> None:
        seen.append((name, current().correlation_id, current().transaction is tx))
        await put(tx, name)

    async def call(name: str) -> None:
        enter(Context(caller=Caller(), correlation_id=name, trace_id=1, span_id=1, deadline=9))
        await store.transact(look, name)
        assert current().transaction is None

    await store.transact(put, "first")
    await asyncio.gather(call("a"), call("b"), store.transact(or_rollback), return_exceptions=True)

    assert seen == [(n, n, True) for n in ("a", "b", "a", "b")]


async def test_a_kept_transaction_is_closed(store: Store) -> None:
    kept = []

    async def keep(tx: Transaction) -> None:
        kept.append(tx)

    await store.transact(keep)

    for use in (
        lambda tx: tx.execute("delete from item"),
        lambda tx: tx.own("delete from item"),
        lambda tx: tx.undo(),
        lambda tx: tx.record(object()),
    ):
        with pytest.raises(TransactionClosed, match="outside of its unit"):
            await use(kept[0])


async def test_a_task_that_a_unit_starts_cannot_use_its_transaction(store: Store) -> None:
    tasks = []

    async def leak(tx: Transaction) -> None:
        tasks.append(asyncio.get_running_loop().create_task(put(tx, "leaked")))
        await tx.fetch_one(int, ENDLESS + "select count(*) from (select x from c limit 200000)")

    await store.transact(leak)
    with pytest.raises(TransactionClosed):
        await tasks[0]
    assert await names(store) == []


async def test_reading_inside_a_unit_is_refused(store: Store) -> None:
    async def reads(_: Transaction) -> None:
        async with store.read():
            pass

    with pytest.raises(StatementRefused, match=r"tx\.fetch"):
        await store.transact(reads)


async def test_a_snapshot_from_before_is_refused_inside_a_unit(store: Store) -> None:
    async with store.read() as snapshot:

        async def reads(_: Transaction) -> None:
            await snapshot.fetch_all(str, "select name from item")

        with pytest.raises(TransactionClosed):
            await store.transact(reads)
    with pytest.raises(TransactionClosed):
        await snapshot.fetch_all(str, "select name from item")


async def test_a_nested_unit_joins_the_open_one(store: Store) -> None:
    async def outer(tx: Transaction) -> None:
        await put(tx, "outer")
        await store.transact(put, "inner")
        assert store.joined() is tx
        raise KeyError

    with pytest.raises(KeyError):
        await store.transact(outer)
    assert store.joined() is None
    assert await names(store) == []


async def test_undo_takes_back_everything_and_the_unit_goes_on(store: Store) -> None:
    async def changes_its_mind(tx: Transaction) -> None:
        await put(tx, "before")
        await tx.undo()
        await tx.own("insert into outgrow_probe values (?)", (7,))

    await store.transact(put, "neighbour")
    await store.transact(changes_its_mind)

    async def probe(tx: Transaction) -> list[tuple[Any, ...]]:
        return await tx.own("select n from outgrow_probe")

    assert await store.transact(probe) == [(7,)]
    assert await names(store) == ["neighbour"]


async def test_units_of_one_turn_share_a_commit(store: Store) -> None:
    await store.transact(put, "warm")
    before = store.statistics()["commits"]
    await asyncio.gather(*[store.transact(put, f"n{i}") for i in range(50)])
    assert store.statistics()["commits"] - before <= 2


async def test_more_units_than_a_commit_may_hold_all_commit(store: Store) -> None:
    await asyncio.gather(*[store.transact(put, f"{i:04}") for i in range(1000)])
    assert len(await names(store)) == 1000


async def test_submitted_units_run_in_order_and_commit_together(store: Store) -> None:
    pending = [await store.submit(put, name) for name in ("a", "b", "c")]
    assert [await commit for commit in pending] == ["a", "b", "c"]
    with pytest.raises(StatementFailed):
        await (await store.submit(put, "a"))


async def test_cancelled_before_it_begins_a_unit_never_does(store: Store) -> None:
    async def slow(tx: Transaction) -> None:
        await tx.fetch_one(int, ENDLESS + "select count(*) from (select x from c limit 300000)")

    async with asyncio.TaskGroup() as group:
        group.create_task(store.transact(slow))
        await SystemClock().sleep(0)
        waiting = group.create_task(store.transact(put, "late"))
        await SystemClock().sleep(0)
        waiting.cancel()
        other = group.create_task(store.transact(put, "other"))
    assert waiting.cancelled()
    assert other.result() == "other"
    assert await names(store) == ["other"]


async def test_cancelled_after_it_began_a_unit_commits_and_then_its_caller_is_cancelled(
    store: Store,
) -> None:
    async def slow(tx: Transaction) -> None:
        await tx.fetch_one(int, ENDLESS + "select count(*) from (select x from c limit 300000)")
        await put(tx, "done")

    for _ in range(2):
        task = asyncio.get_running_loop().create_task(store.transact(slow))
        await SystemClock().sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await names(store) == ["done"]
        await store.transact(_clear)


async def _clear(tx: Transaction) -> None:
    assert await tx.execute("delete from item") == 1


async def test_a_caller_that_is_cancelled_while_its_commit_is_awaited_is_told_after_it(
    store: Store,
) -> None:
    await store.transact(put, "known")

    async def call() -> str:
        commit = await store.submit(put, "x")
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return await commit

    with pytest.raises(asyncio.CancelledError):
        await asyncio.get_running_loop().create_task(call())
    assert await names(store) == ["known", "x"]


async def test_a_commit_that_fails_fails_its_units_and_the_next_one_works(
    open_at: Any, tmp_path: Path
) -> None:
    store = await open_at()
    # The only way to make SQLite refuse a commit is what migrations may not declare.
    with sqlite3.connect(tmp_path / "s.sqlite3") as outside:
        outside.execute(
            "create table bad (name text references item deferrable initially deferred)"
        )
    outside.close()

    async def breaks(tx: Transaction) -> None:
        await tx.execute("insert into bad values ('nobody')")

    async def check() -> None:
        before = await names(store)
        results = await asyncio.gather(
            store.transact(put, "a"), store.transact(breaks), return_exceptions=True
        )
        assert [type(r) for r in results] == [StatementFailed] * 2
        assert [r.kind for r in results] == ["CommitFailed"] * 2  # type: ignore[union-attr]
        assert await names(store) == before

    with pytest.raises(StatementFailed):
        await store.transact(breaks)
    await store.transact(put, "known")
    for n in range(16):  # first in the thread, then on the loop
        await check()
        await store.transact(put, f"after {n}")


async def test_a_closed_store_says_so(open_at: Any) -> None:
    store = await open_at()
    await store.transact(put, "a")
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.transact(put, "b")


async def test_closing_commits_what_has_begun(open_at: Any) -> None:
    store = await open_at()
    commit = await store.submit(put, "a")
    await store.close()
    assert await commit == "a"
    assert await names(await open_at()) == ["a"]


async def test_entries_are_appended_last_and_the_journal_is_told_after_the_commit(
    open_at: Any,
) -> None:
    order: list[str] = []

    class Probe:
        def event(self, event: str) -> str:
            return event

        def command(self, method: Any, args: Any, kwargs: Any) -> str:
            return f"{method.__name__}{args}{kwargs}"

        async def append(self, tx: Transaction, entries: list[str]) -> None:
            order.append(f"append {entries}")
            await tx.own("insert into outgrow_probe values (?)", (len(entries),))

        def committed(self) -> None:
            order.append("told")

    store = await open_at(outbox=Probe())

    async def records(tx: Transaction) -> None:
        await tx.record("happened")
        await put(tx, "x")
        await tx.send(put, 1, n=2)
        order.append("end")

    async def undoes(tx: Transaction) -> None:
        await tx.record("never")
        await tx.undo()

    await store.transact(records)
    await store.transact(undoes)

    assert order == ["end", "append ['happened', \"put(1,){'n': 2}\"]", "told"]


async def test_without_an_outbox_recording_is_refused(store: Store) -> None:
    async def records(tx: Transaction) -> None:
        await tx.record("happened")

    with pytest.raises(StatementRefused, match="without an outbox"):
        await store.transact(records)


async def test_the_transaction_is_in_the_context_while_the_unit_runs(store: Store) -> None:
    async def look(tx: Transaction) -> bool:
        return current().transaction is tx

    outside = Context(caller=Caller(), correlation_id="c", trace_id=1, span_id=1, deadline=9)
    token = enter(outside)
    try:
        assert await store.transact(look)
        assert current() is outside
        assert outside.transaction is None
    finally:
        leave(token)


async def test_a_statement_that_was_not_awaited_is_not_forgotten_quietly(store: Store) -> None:
    async def forgetful(tx: Transaction) -> None:
        await tx.execute("insert into item (name) values ('kept')")
        tx.execute("insert into item (name) values ('forgotten')").close()  # type: ignore[attr-defined]

    with pytest.raises(StatementRefused, match=r"forgetful: 1 of its statements were not awaited"):
        await store.transact(forgetful)

    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select count(*) from item") == 0


async def test_a_cancellation_survives_that_a_neighbour_takes_the_batch_along(
    store: Store,
) -> None:
    loop = asyncio.get_running_loop()
    await store.transact(put, "first")
    tasks = []

    async def victim(tx: Transaction) -> None:
        await tx.fetch_one(int, "select 1 -- never seen, so it waits for the thread")
        await put(tx, "victim")
        if not tasks:
            tasks.append(loop.create_task(store.transact(or_rollback)))

    await store.transact(put, "known")
    cancelled = loop.create_task(store.transact(victim))
    loop.call_soon(cancelled.cancel)
    await asyncio.wait([cancelled])
    assert cancelled.cancelled()
    with pytest.raises(StatementFailed):
        await tasks[0]
    assert store.statistics()["units_repeated"] == 1
    assert await names(store) == ["first", "known", "victim"]


async def test_a_timeout_that_expires_inside_of_a_unit_does_not_cancel_its_caller(
    store: Store,
) -> None:
    async def impatient(tx: Transaction) -> str:
        async with asyncio.timeout(0):
            await tx.fetch_one(int, "select 1 -- never seen, so it waits for the thread")
        return await put(tx, "done")

    task = asyncio.get_running_loop().create_task(store.transact(impatient))
    assert await task == "done"
    assert task.cancelling() == 0


async def test_a_caller_that_cancels_itself_is_told_after_its_unit(store: Store) -> None:
    async def call() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await store.transact(put, "done")

    task = asyncio.get_running_loop().create_task(call())
    await asyncio.wait([task])
    assert task.cancelled()
    assert await names(store) == ["done"]


async def test_a_transaction_knows_whether_its_unit_runs(store: Store) -> None:
    seen = []

    async def look(tx: Transaction) -> None:
        async def later() -> None:
            seen.append(("task", tx.is_running))

        seen.append(("unit", tx.is_running))
        tasks.append(asyncio.get_running_loop().create_task(later()))
        await tx.fetch_one(int, "select 1 -- never seen, so it waits for the thread")
        seen.append(("unit", tx.is_running))

    tasks: list[asyncio.Task[None]] = []
    await store.transact(look)
    await tasks[0]
    assert seen == [("unit", True), ("task", False), ("unit", True)]


@pytest.mark.parametrize(
    "value",
    [
        "randomblob(1000000000)",
        "replace(hex(zeroblob(100000)), '0', hex(zeroblob(1000)))",
        "cast(:text as text)",
    ],
)
async def test_a_value_that_would_hold_all_others_up_is_not_made(
    value: str, store: Store, monkeypatch: pytest.MonkeyPatch, open_at: Any
) -> None:
    await store.close()
    if "random" not in value:
        monkeypatch.setattr("outgrow.store.sqlite.connection.ROW_BYTES_MAX", 1_000_000)
    store = await open_at()

    async def unit(tx: Transaction) -> int:
        text = {"text": "x" * 1_000_001} if ":text" in value else {}
        return await tx.fetch_one(int, f"select length({value})", **text)

    with pytest.raises(StatementFailed, match="too big") as failed:
        await store.transact(unit)
    assert failed.value.kind == "DataError"
