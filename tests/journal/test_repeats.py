import asyncio
import random

import pytest

from outgrow.calls import using
from outgrow.context import Caller, Context, enter, leave
from outgrow.errors import ArgumentsRefused, CallFailed, InvalidService, KeyReused
from outgrow.journal import transactional
from tests.journal.conftest import Run
from tests.journal.orders import Parcel, TooExpensive
from tests.journal.shop import Shop


def keyed(shop: Shop, method: str, key: str, subject: str = "ada") -> Context:
    return Context(
        caller=Caller(kind="user", subject=subject),
        correlation_id="c",
        trace_id=1,
        span_id=2,
        deadline=shop.clock.monotonic() + 10,
        method=method,
        key=key,
    )


async def test_a_repeat_gets_the_first_reply_and_has_no_effect(shop: Shop):
    first = await using(shop.orders, key="k").place("a", 5)
    second = await using(shop.orders, key="k").place("a", 5)
    assert second == first
    assert await shop.orders.count() == 1


async def test_repeats_at_once_have_one_effect(shop: Shop):
    client = using(shop.orders, key="k")
    replies = await asyncio.gather(*[client.place("a", 5) for _ in range(20)])
    assert len({reply.number for reply in replies}) == 1
    assert await shop.orders.count() == 1


async def test_a_repeat_after_a_restart_gets_the_first_reply(run_shop: Run):
    async with run_shop() as shop:
        first = await using(shop.orders, key="k").place("a", 5)
    async with run_shop() as shop:
        assert await using(shop.orders, key="k").place("a", 5) == first
        assert await shop.orders.count() == 1


async def test_the_events_of_a_repeat_are_recorded_once(shop: Shop):
    for _ in range(3):
        await using(shop.orders, key="k").place("a", 5)
    assert await shop.rows("orders", "select count(*) from outgrow_journal") == [(1,)]


async def test_commands_without_a_key_of_their_callers_are_different_commands(shop: Shop):
    await shop.orders.place("a")
    await shop.orders.place("a")
    assert await shop.orders.count() == 2


async def test_a_problem_is_remembered_and_what_was_done_is_undone(shop: Shop):
    for _ in range(2):
        with pytest.raises(TooExpensive) as caught:
            await using(shop.orders, key="k").place("a", 5000)
        assert caught.value.cents == 5000
    assert shop.orders_service.runs == 2  # the repeat ran, and was undone
    assert await shop.orders.count() == 0
    assert await shop.rows("orders", "select count(*) from outgrow_journal") == [(0,)]
    assert await shop.rows("orders", "select state from outgrow_inbox") == [("problem",)]


async def test_a_remembered_problem_is_raised_even_if_a_repeat_would_succeed(shop: Shop):
    client = using(shop.orders, key="k")
    with pytest.raises(TooExpensive):
        await client.place("a", 5000)
    await shop.stores["orders"].transact(relax)
    with pytest.raises(TooExpensive):
        await client.place("a", 5000)


async def relax(tx):
    await tx.execute("delete from orders")


async def test_a_problem_that_is_not_declared_is_not_remembered(shop: Shop):
    with pytest.raises(CallFailed):
        await using(shop.orders, key="k").place("a", -1)
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]
    assert await shop.orders.count() == 0


@pytest.mark.parametrize("command", ["place", "ask_price"])
async def test_a_problem_of_a_class_below_the_declared_is_the_declared_one_in_each_repeat(
    shop: Shop, command: str
):
    arguments = ("a", 2_000_000) if command == "place" else (2_000_000,)
    for _ in range(2):
        with pytest.raises(TooExpensive) as caught:
            await getattr(using(shop.orders, key="k"), command)(*arguments)
        assert type(caught.value) is TooExpensive
        assert str(caught.value) == "2000000 are too much."
    rows = await shop.rows("orders", "select state, reply from outgrow_inbox")
    assert rows == [("problem", '{"type":"orders.TooExpensive","fields":{"cents":2000000}}')]


async def test_a_reply_that_cannot_be_kept_is_told_and_its_effect_undone(shop: Shop):
    with pytest.raises(CallFailed, match=r"orders\.weigh: reply\.grams: inf is no finite number"):
        await using(shop.orders, key="k").weigh(Parcel(grams=10.0))
    assert await shop.orders.count() == 0
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]
    weighed = await using(shop.orders, key="k").weigh(Parcel(grams=1.0))
    assert weighed == Parcel(grams=1e308)


async def test_a_plain_reply_that_cannot_be_kept_is_told(shop: Shop):
    with pytest.raises(CallFailed, match=r"orders\.weigh_plainly: reply\.grams: nan is no finite"):
        await using(shop.orders, key="k").weigh_plainly("nan")


@pytest.mark.parametrize("key", ["k", None])
async def test_arguments_that_cannot_be_kept_are_refused_with_their_place(
    shop: Shop, key: str | None
):
    client = using(shop.orders, key=key)
    with pytest.raises(ArgumentsRefused) as caught:
        await client.weigh(Parcel(grams=float("-inf")))
    assert caught.value.findings == [
        ("parcel.grams", "-inf is no finite number, and JSON has no other")
    ]
    with pytest.raises(ArgumentsRefused) as caught:
        await client.place("\ud800", 1)
    assert caught.value.findings == [
        ("order_id", "it holds half of a surrogate pair, which is no text")
    ]
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]


async def test_a_failure_is_not_remembered_so_that_the_repeat_succeeds(shop: Shop):
    shop.orders_service.failures = 1
    client = using(shop.orders, key="k")
    with pytest.raises(CallFailed):
        await client.place("a")
    first = await client.place("a")
    assert await client.place("a") == first
    assert await shop.orders.count() == 1


async def test_a_repeat_that_runs_into_its_own_first_effect_gets_the_first_reply(shop: Shop):
    client = using(shop.orders, key="k")
    first = await client.place_unique("a")
    assert await client.place_unique("a") == first
    with pytest.raises(CallFailed, match="(?i)unique"):
        await using(shop.orders, key="other").place_unique("a")


async def test_a_key_with_other_arguments_is_refused(shop: Shop):
    client = using(shop.orders, key="k")
    await client.place("a", 5)
    with pytest.raises(KeyReused) as caught:
        await client.place("a", 6)
    assert caught.value.key == "k"
    with pytest.raises(KeyReused):
        await client.place("b", 5000)  # would be a problem
    assert await shop.orders.count() == 1


async def test_another_callers_key_is_another_key(shop: Shop):
    for subject in ("ada", "bob"):
        token = enter(keyed(shop, "orders.place", "k", subject))
        await shop.orders_service.place("a")
        leave(token)
    assert await shop.orders.count() == 2


async def test_the_same_key_for_another_method_is_another_key(shop: Shop):
    await using(shop.orders, key="k").place("a")
    await using(shop.orders, key="k").place_unique("a")
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(2,)]


async def test_an_argument_that_equals_its_default_is_the_same_argument(shop: Shop):
    await using(shop.orders, key="k").place("a")
    await using(shop.orders, key="k").place("a", 1)
    await using(shop.orders, key="k").place(cents=1, order_id="a")
    assert await shop.orders.count() == 1


async def test_a_command_that_promises_nothing_about_repeats_is_not_remembered(shop: Shop):
    for _ in range(2):
        token = enter(keyed(shop, "orders.append", "k"))
        await shop.orders_service.append("a")
        leave(token)
    assert await shop.orders.count() == 2


async def test_the_second_use_of_a_context_is_a_command_of_its_own(shop: Shop):
    token = enter(keyed(shop, "orders.place", "k"))
    await shop.orders_service.place("a")
    await shop.orders_service.place("a")
    leave(token)
    assert await shop.orders.count() == 2


async def test_calls_of_itself_have_their_own_effects_and_are_repeated_under_the_same_keys(
    shop: Shop,
):
    client = using(shop.orders, key="k")
    shop.orders_service.breaks_between = True
    with pytest.raises(CallFailed):  # after the first two
        await client.place_two("a")
    assert await shop.orders.count() == 2
    numbers = await client.place_two("a")
    assert await client.place_two("a") == numbers
    assert [(n,) for n in numbers] == await shop.rows(
        "orders", "select number from orders order by 1"
    )
    assert await shop.orders.count() == 3


async def test_a_transactional_method_called_from_another_joins_it(shop: Shop):
    await shop.orders_service._place_one("a", 1)
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]
    shop.orders_service.failures = 1
    with pytest.raises(RuntimeError, match="not now"):
        await shop.orders_service._place_one("b", 1)
    assert await shop.orders.count() == 1


async def test_what_callers_see_of_a_transactional_method_has_no_transaction(shop: Shop):
    import inspect

    assert list(inspect.signature(shop.orders_service.place).parameters) == ["order_id", "cents"]


async def test_replies_are_forgotten_after_their_time(shop: Shop, clock):
    client = using(shop.orders, key="k")
    await client.place("a")
    clock.advance(24 * 3600 - 1)
    assert await shop.inboxes["orders"].prune() == 0
    await client.place("a")
    assert await shop.orders.count() == 1
    clock.advance(1)
    await shop.inboxes["orders"].prune()
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]
    await client.place("a")
    assert await shop.orders.count() == 2


async def test_beyond_the_limit_the_oldest_replies_are_forgotten(shop: Shop):
    from outgrow.journal import Inbox

    for n in range(700):
        await using(shop.orders, key=f"k{n}").place("a")
    inbox = Inbox(shop.stores["orders"], rows_max=100)
    assert (await inbox.statistics())["replies"] == 700
    assert await inbox.prune() == 600
    rows = await shop.rows("orders", "select key from outgrow_inbox order by position")
    assert [key for (key,) in rows] == [f"k{n}" for n in range(600, 700)]


async def test_random_repeats_of_random_commands_each_have_one_effect(run_shop: Run):
    chance = random.Random(7)
    seen = {}
    for _ in range(3):
        async with run_shop() as shop:

            async def call(key: int, shop: Shop = shop) -> None:
                try:
                    reply = await using(shop.orders, key=str(key)).place(str(key), key)
                except TooExpensive:
                    reply = None
                assert seen.setdefault(key, reply) == reply

            await asyncio.gather(*[call(chance.randrange(900, 1100)) for _ in range(400)])
            effects = sum(reply is not None for reply in seen.values())
            assert await shop.orders.count() == effects


async def test_a_keyed_command_that_loses_the_transaction_fails_alone(shop: Shop):
    shop.orders_service.statement = "insert or rollback into unique_orders values ('a')"
    await using(shop.orders, key="before").place_unique("a")
    client = shop.orders
    outcomes = await asyncio.gather(
        *[using(client, key=f"n{n}").place(str(n)) for n in range(5)],
        using(client, key="bad").misbehave(),
        *[using(client, key=f"m{n}").place(str(n)) for n in range(5)],
        return_exceptions=True,
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(failure) for failure in failures] == [CallFailed]
    assert await shop.orders.count() == 10


async def test_a_keyed_command_that_waits_for_something_else_is_not_remembered(shop: Shop):
    for _ in range(2):
        with pytest.raises(CallFailed, match="WaitedInTransaction"):
            await using(shop.orders, key="k").misbehave()
    assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(0,)]


async def test_a_method_that_cannot_take_a_transaction_is_refused():
    with pytest.raises(InvalidService, match=r"async def charge\(self, tx: Transaction"):

        @transactional
        async def charge(self):
            pass
