"""
What type checkers say about sagas that events begin, and that wait. Never executed.

Where a line says ``type: ignore``, both must refuse it: an ignore that hides nothing is a finding.
"""

from datetime import datetime, timedelta
from typing import assert_type

from outgrow import Event, Saga, on, saga


class Charged(Event, key="order_id"):
    order_id: str


class Refunded(Event, key="order_id"):
    order_id: str


class Followers:
    @on(Charged)
    @saga
    async def follow(self, run: Saga, event: Charged) -> None:
        assert_type(await run.until(Refunded, event.order_id), Refunded)
        within = timedelta(days=1)
        assert_type(await run.until(Refunded, "a", within=within), Refunded | None)
        assert_type(run.now(), datetime)
        await run.sleep(within)
        await run.sleep(run.now() + within)

    @on(Charged, Refunded, since="beginning")
    @saga(deadline="30d")
    async def follow_both(self, run: Saga, event: Charged | Refunded) -> None:
        run.tag(order_id=event.order_id)

    @saga
    async def wrongly(self, run: Saga) -> None:
        await run.until("payments.Refunded", "a")  # type: ignore[call-overload]
        await run.until(Refunded, 7)  # type: ignore[call-overload]
        await run.until(Refunded, "a", within=3)  # type: ignore[call-overload]
        await run.sleep(60)  # type: ignore[arg-type]
        run.tag(order_id=7)  # type: ignore[arg-type]


async def direct(followers: Followers) -> None:
    assert_type(await followers.follow(Charged(order_id="a")), None)
    await followers.follow(Refunded(order_id="a"))  # type: ignore[arg-type]


class WrongFollowers:
    @on(Charged)  # type: ignore[arg-type]
    @saga
    async def other(self, run: Saga, event: Refunded) -> None: ...

    @on(Charged, Refunded)  # type: ignore[arg-type]
    @saga
    async def one_of_two(self, run: Saga, event: Refunded) -> None: ...

    @on(Charged)  # type: ignore[arg-type]
    @saga
    async def more(self, run: Saga, event: Charged, cents: int) -> None: ...
