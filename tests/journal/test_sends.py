import pytest

from outgrow.errors import (
    ArgumentsRefused,
    CallRefused,
    EventTooLarge,
    Overloaded,
    ServiceUnreachable,
)
from tests.journal.conftest import Run
from tests.journal.orders import Parcel
from tests.journal.shop import Shop


async def send(shop: Shop, *texts: str, fail: bool = False):
    async def unit(tx):
        for text in texts:
            await tx.send(shop.letters.write, text)
        if fail:
            raise RuntimeError("after all not")

    await shop.stores["orders"].transact(unit)


def unreachable() -> ServiceUnreachable:
    return ServiceUnreachable("letters.write", "nobody answers", may_have_run=True)


async def test_a_command_that_is_sent_is_executed_after_the_commit(shop: Shop):
    await send(shop, "hello")
    await shop.delivery.settle()
    assert await shop.texts() == ["hello"]


async def test_a_command_of_a_unit_that_is_rolled_back_is_never_sent(shop: Shop):
    with pytest.raises(RuntimeError):
        await send(shop, "hello", fail=True)
    await shop.delivery.settle()
    assert shop.sent == []


async def test_a_sent_command_has_the_rows_id_as_its_key_and_names_its_sender(shop: Shop):
    await send(shop, "hello")
    await shop.delivery.settle()
    ((name, context),) = shop.sent
    ((row_id, destination),) = await shop.rows(
        "orders", "select id, destination from outgrow_journal"
    )
    assert (name, destination) == ("letters.write", "letters")
    assert (context.key, context.via, context.method) == (row_id, "orders", "letters.write")
    assert await shop.rows("letters", "select key from outgrow_inbox") == [(row_id,)]


async def test_a_command_that_is_sent_again_after_a_crash_has_one_effect(run_shop: Run):
    async with run_shop() as shop:
        await send(shop, "one", "two")
        await shop.delivery.settle()

        async def rewind(tx):
            await tx.own("update outgrow_cursor set position = 0")

    async with run_shop(deliver=False) as shop:
        await shop.stores["orders"].transact(rewind)
    async with run_shop() as shop:
        await shop.delivery.settle()
        assert len(shop.sent) == 2
        assert sorted(await shop.texts()) == ["one", "two"]


async def test_commands_to_whom_cannot_be_reached_are_tried_without_end(shop: Shop):
    shop.call_error = unreachable()
    await send(shop, "hello")
    for _ in range(30):
        seconds = await shop.delivery.settle()
        assert seconds is not None
        assert seconds <= 60
        shop.clock.advance(seconds)
    shop.call_error = None
    await shop.settle_all()
    assert await shop.texts() == ["hello"]


async def test_a_command_that_waited_longer_than_keys_are_kept_is_left_to_an_operator(shop: Shop):
    shop.call_error = Overloaded("letters.write", "later")
    await send(shop, "hello")
    await shop.delivery.settle()
    shop.clock.advance(25 * 3600)
    shop.call_error = None
    await shop.settle_all()
    assert await shop.texts() == []
    (lane,) = [s for s in await shop.delivery.statistics() if s.consumer == "orders -> letters"]
    assert lane.parked_count == 1
    await shop.delivery.replay("orders -> letters", lane.parked[0])
    await shop.settle_all()
    assert await shop.texts() == ["hello"]


@pytest.mark.parametrize(
    ("age", "is_parked"),
    [(24 * 3600 - 11, False), (24 * 3600 - 10, True), (25 * 3600, True)],
)
async def test_a_command_that_may_have_been_called_is_called_again_while_its_key_is_remembered(
    run_shop: Run, clock, age: int, is_parked: bool
):
    async with run_shop() as shop:
        await send(shop, "hello")
        await shop.delivery.settle()
    async with run_shop(deliver=False) as shop:  # as if it had ended before it noted the call

        async def rewind(tx):
            await tx.own("update outgrow_cursor set position = 0")

        await shop.stores["orders"].transact(rewind)
        clock.advance(age)
        await shop.inboxes["letters"].prune()
    async with run_shop() as shop:
        await shop.settle_all()
        assert await shop.texts() == ["hello"]
        assert len(shop.sent) == (not is_parked)
        (lane,) = [s for s in await shop.delivery.statistics() if s.consumer == "orders -> letters"]
        assert lane.parked_count == is_parked


async def test_a_command_that_fails_is_parked_after_eight_attempts_and_others_flow(shop: Shop):
    original = shop.letters_service._add

    async def add(tx, text):
        if text == "broken":
            raise RuntimeError(text)
        await original(tx, text)

    shop.letters_service._add = add
    await send(shop, "broken", "one")
    await send(shop, "two")
    await shop.settle_all()
    assert sorted(await shop.texts()) == ["one", "two"]
    assert len([name for name, context in shop.sent]) == 10
    shop.letters_service._add = original
    (lane,) = [s for s in await shop.delivery.statistics() if s.consumer == "orders -> letters"]
    assert await shop.delivery.replay("orders -> letters", lane.parked[0]) == 1
    await shop.settle_all()
    assert sorted(await shop.texts()) == ["broken", "one", "two"]


async def test_a_problem_is_an_answer_and_final(shop: Shop, caplog):
    await send(shop, "refused")
    assert await shop.delivery.settle() is None
    assert len(shop.sent) == 1
    assert "Nobody writes refused" in caplog.text


async def test_what_waits_is_sent_after_a_restart(run_shop: Run):
    async with run_shop() as shop:
        shop.call_error = unreachable()
        await send(shop, "one")
        await shop.delivery.settle()
        await send(shop, "two")
    async with run_shop() as shop:
        await shop.settle_all()
        assert sorted(await shop.texts()) == ["one", "two"]


@pytest.mark.parametrize("question", ["settle", "statistics"])
async def test_a_service_that_sends_for_the_first_time_meanwhile_is_waited_for(
    shop: Shop, monkeypatch, question: str
):
    end_of, has_sent = shop.delivery._end_of, False

    async def send_meanwhile(service: str) -> int:
        nonlocal has_sent
        end = await end_of(service)
        if not has_sent:
            has_sent = True
            await shop.stores["letters"].transact(lambda tx: tx.send(shop.orders.place, "o1"))
            await shop.delivery._add_senders()
        return end

    monkeypatch.setattr(shop.delivery, "_end_of", send_meanwhile)
    await getattr(shop.delivery, question)()
    await shop.delivery.settle()

    assert await shop.orders.count() == 1


async def test_many_commands_are_all_sent(shop: Shop):
    texts = [f"{n:03}" for n in range(300)]
    await send(shop, *texts)
    await shop.delivery.settle()
    assert sorted(await shop.texts()) == texts


async def test_what_promises_nothing_about_repeats_cannot_be_sent(shop: Shop):
    async def unit(tx, method, *args):
        await tx.send(method, *args)

    store = shop.stores["letters"]
    with pytest.raises(CallRefused, match=r"orders\.append"):
        await store.transact(unit, shop.orders.append, "a")
    with pytest.raises(CallRefused, match=r"orders\.count"):
        await store.transact(unit, shop.orders.count)
    with pytest.raises(TypeError, match="no method of a contract"):
        await store.transact(unit, print, "a")
    with pytest.raises(TypeError, match=r"letters\.write"):
        await store.transact(unit, shop.letters.write)


async def test_arguments_that_are_too_large_are_refused_when_they_are_sent(shop: Shop):
    with pytest.raises(EventTooLarge, match=r"letters\.write"):
        await send(shop, "x" * 256 * 1024)


async def test_arguments_that_cannot_be_kept_are_refused_when_they_are_sent(shop: Shop):
    async def unit(tx):
        await tx.send(shop.orders.weigh, Parcel(grams=float("nan")))

    with pytest.raises(ArgumentsRefused, match=r"parcel\.grams: nan is no finite number"):
        await shop.stores["letters"].transact(unit)
    with pytest.raises(ArgumentsRefused, match="text: it holds half of a surrogate pair"):
        await send(shop, "\ud800")
