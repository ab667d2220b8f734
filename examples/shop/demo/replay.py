"""Replays purchases through HTTP as real clients would, and keeps an account of it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from .account import Account, Totals, disagreements, read_totals
from .client import POLL_SECONDS, Client, Reply
from .purchases import ALBUMS, LIMIT_CENTS, PlannedOrder, Repeat, Trap

CONNECTIONS = 32
DELIVERIES_IN_ONE = 500
LATER = 50
"""How many other repeats are in front of one that is sent later."""

COLLECTION_SECONDS = 0.2
"""How long the carrier waits if there was nothing to collect."""

SETTLE_SECONDS = 15.0
"""How long nothing may change before the shop is taken to be stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command as it goes over the wire."""

    verb: str
    path: str
    body: dict[str, Any]
    key: str


class Replay:
    """
    Sends planned orders over a bounded number of connections, in their order.

    Every customer registers before the first order. Whatever is not answered is sent again under
    the same key, so the shop may be killed and started again meanwhile. Lives for one replay.
    """

    def __init__(self, client: Client, orders: Iterable[PlannedOrder]) -> None:
        self.client = client
        self.account = Account()
        self._orders = iter(orders)
        self._users: dict[int, asyncio.Future[str]] = {}
        self._later: deque[tuple[Request, Reply]] = deque()
        self._albums_left = ALBUMS
        self._is_closed = False

    async def fill_shelves(self, deliveries: list[dict[str, Any]]) -> None:
        """Have everything delivered before the shop opens."""
        for start in range(0, len(deliveries), DELIVERIES_IN_ONE):
            part = deliveries[start : start + DELIVERIES_IN_ONE]
            reply = await self._command(
                Request(
                    verb="POST",
                    path="/stock/deliveries",
                    body={"deliveries": part},
                    key=f"delivery-{start}",
                )
            )
            self._expect(reply.is_accepted, f"delivery {start} was answered {reply}")
            self.account.delivered += sum(delivery["quantity"] for delivery in part)

    async def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """
        Send orders until there is none left or *is_over*, then what was to be repeated later.

        Meanwhile a carrier collects parcels, in the end all of them.

        Raises:
            ExceptionGroup: Of `ShopUnreachable`.
        """
        orders = _until(self._orders, is_over)
        async with asyncio.TaskGroup() as carrier:
            carrier.create_task(self._carry())
            async with asyncio.TaskGroup() as customers:
                for _ in range(CONNECTIONS):
                    customers.create_task(self._send_all(orders))
            self._is_closed = True
        while self._later:
            await self._repeat_one()

    async def settle(self) -> Totals:
        """
        Poll until all sums agree twice in a row, or nothing changes any more.

        Returns:
            What the services said last; `disagreements` tells whether it agrees.
        """
        before = await read_totals(self.client)
        polls_left = polls = round(SETTLE_SECONDS / POLL_SECONDS)
        while polls_left:
            await self.client.wait(POLL_SECONDS)
            totals = await read_totals(self.client)
            if totals != before:
                polls_left = polls
            elif not disagreements(self.account, totals):
                break
            before, polls_left = totals, polls_left - 1
        return before

    async def _send_all(self, orders: Iterator[PlannedOrder]) -> None:
        for order in orders:
            await self._send(order)
            if len(self._later) > LATER:
                await self._repeat_one()

    async def _send(self, order: PlannedOrder) -> None:
        user_id = await self._user_of(order.customer)
        lines = [{"item_id": item_id, "quantity": n} for item_id, n in order.lines.items()]
        if order.trap is Trap.UNKNOWN_USER:
            user_id = "nobody"
        request = Request(
            verb="POST",
            path="/orders",
            body={"user_id": user_id, "lines": lines},
            key=order.key,
        )
        began = perf_counter()
        reply = await self._command(request, order.repeat)
        self.account.latencies.append(perf_counter() - began)
        self._enter(order, reply)
        if order.is_regretted and reply.is_accepted:
            await self._cancel(order, reply.body["order_id"])

    def _enter(self, order: PlannedOrder, reply: Reply) -> None:
        """Enter an order and its reply into the account."""
        account = self.account
        account.sent += 1
        trap = self._trap_of(order)
        if trap is not None:
            account.meant_refused[trap] += 1
        if not reply.is_accepted:
            account.refused[reply.problem] += 1
            return
        account.accepted += 1
        cents = reply.body["total_cents"]
        account.paid_cents += cents
        self._expect(cents == order.cents, f"{order.key} costs {cents}, not {order.cents}")

    def _trap_of(self, order: PlannedOrder) -> Trap | None:
        """Why the shop must refuse it, if it must; the first albums are not sold out."""
        if order.trap is Trap.SOLD_OUT and self._albums_left:
            self._albums_left -= 1
            return None
        if order.cents is not None and order.cents > LIMIT_CENTS:
            return Trap.OVER_THE_LIMIT
        return order.trap

    async def _cancel(self, order: PlannedOrder, order_id: str) -> None:
        reply = await self._command(
            Request(
                verb="POST",
                path=f"/orders/{order_id}/cancel",
                body={},
                key=f"cancel-{order.key}",
            ),
            order.repeat,
        )
        if reply.is_accepted:
            self.account.cancelled += 1
            self.account.paid_cents -= order.cents or 0
        else:
            self.account.regretted_late += 1
            is_late = reply.problem == "ParcelLeft"
            self._expect(is_late, f"cancelling {order.key} was answered {reply}")

    async def _carry(self) -> None:
        """Collect parcels and deliver them; none is left when nobody orders any more."""
        for number in itertools.count(1):
            is_last = self._is_closed
            repeat = Repeat.AT_ONCE if number % 10 == 0 else Repeat.NEVER
            collection = _to_parcels("collections", {}, number)
            order_ids = (await self._command(collection, repeat)).body
            if order_ids:
                delivery = _to_parcels("deliveries", {"order_ids": order_ids}, number)
                reply = await self._command(delivery, repeat)
                self._expect(reply.is_accepted, f"delivery {number} was answered {reply}")
                self.account.carried += len(order_ids)
            elif is_last:
                return
            else:
                await self.client.wait(COLLECTION_SECONDS)

    async def _user_of(self, customer: int) -> str:
        """The customer's user; whoever is first registers it, the others wait."""
        if customer not in self._users:
            self._users[customer] = asyncio.get_running_loop().create_future()
            request = Request(
                verb="POST",
                path="/users",
                body={"name": f"Customer {customer}"},
                key=f"customer-{customer}",
            )
            repeat = Repeat.LATER if customer % 20 == 0 else Repeat.NEVER
            reply = await self._command(request, repeat)
            self._expect(reply.is_accepted, f"registering {customer} was answered {reply}")
            self.account.registered += 1
            self._users[customer].set_result(reply.body["user_id"])
        return await self._users[customer]

    async def _command(self, request: Request, repeat: Repeat = Repeat.NEVER) -> Reply:
        if repeat is Repeat.AT_ONCE:
            first, second = await asyncio.gather(self._ask(request), self._ask(request))
            self._compare(request, first, second)
            return first
        reply = await self._ask(request)
        if repeat is Repeat.LATER:
            self._later.append((request, reply))
        return reply

    async def _repeat_one(self) -> None:
        request, first = self._later.popleft()
        self._compare(request, first, await self._ask(request))

    async def _ask(self, request: Request) -> Reply:
        return await self.client.ask(request.verb, request.path, request.body, request.key)

    def _compare(self, request: Request, first: Reply, second: Reply) -> None:
        self.account.repeated += 1
        is_same = second.says_the_same_as(first)
        self._expect(is_same, f"{request.key} was answered {first}, its repeat {second}")

    def _expect(self, is_true: bool, otherwise: str) -> None:  # noqa: FBT001 - a statement
        if not is_true:
            self.account.wrong.append(otherwise)


def _to_parcels(what: str, body: dict[str, Any], number: int) -> Request:
    return Request(verb="POST", path=f"/parcels/{what}", body=body, key=f"{what}-{number}")


def _until(orders: Iterator[PlannedOrder], is_over: Callable[[], bool]) -> Iterator[PlannedOrder]:
    for order in orders:
        if is_over():
            return
        yield order
