from tests.journal.conftest import Shop


async def test_an_event_reaches_its_handlers(shop: Shop):
    await shop.orders.place("a", 5)
    await shop.delivery.settle()
    assert await shop.texts() == ["a placed 5"]
    assert await shop.rows("orders", "select text from seen") == [("a",)]
