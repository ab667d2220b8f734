"""
What it costs to turn a typed record into protobuf's bytes and back.

The baseline is what a good engineer writes by hand for the same record and the same bytes, over
Google's protobuf runtime (upb, in C): a message filled by its constructor, items by ``add``, an
optional field read with its presence. It checks no types and misses no required field; ours does.
"""

import enum
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter_ns
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from benchmarks.measure import alternate
from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import Contract, Record, query, read_contract

GOAL = 1.0
REPEATS = 20_000
OF = "protobuf (upb) with hand-written converters"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(Record):
    """Strings, numbers, a truth and an optional: what most records hold."""

    sku: str
    name: str
    quantity: int
    cents: int
    weight: float
    is_gift: bool
    note: str | None = None


class Basket(Record):
    """Fifty of them."""

    customer: str
    lines: list[Line]


class State(enum.Enum):
    """Where an order stands."""

    OPEN = "open"
    PAID = "paid"


class Order(Record):
    """With a moment and an enumeration."""

    id: str
    customer: str
    cents: int
    state: State
    placed_at: datetime


class Benchmark(Contract):
    """A method for each record."""

    @query()
    async def line(self) -> Line: ...

    @query()
    async def basket(self) -> Basket: ...

    @query()
    async def order(self) -> Order: ...


_MESSAGES = Messages("benchmark", [read_contract(Benchmark)])
_CONVERTERS = Converters(_MESSAGES)
_PACKAGE = _MESSAGES.services[0].rpartition(".")[0]


def _message(name: str) -> Any:
    return GetMessageClass(_MESSAGES.public.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_LineReply, _BasketReply, _OrderReply = map(_message, ("LineReply", "BasketReply", "OrderReply"))
_LineMessage = _message("Line")


def _write_line(value: Line) -> bytes:
    line = _LineMessage(
        sku=value.sku,
        name=value.name,
        quantity=value.quantity,
        cents=value.cents,
        weight=value.weight,
        is_gift=value.is_gift,
        note=value.note,
    )
    return _LineReply(value=line).SerializeToString()  # type: ignore[no-any-return]


def _read_line(body: bytes) -> Line:
    line = _LineReply.FromString(body).value
    return _line_of(line)


def _line_of(line: Any) -> Line:
    return Line(
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        cents=line.cents,
        weight=line.weight,
        is_gift=line.is_gift,
        note=line.note if line.HasField("note") else None,
    )


def _write_basket(value: Basket) -> bytes:
    reply = _BasketReply()
    basket = reply.value
    basket.customer = value.customer
    add = basket.lines.add
    for line in value.lines:
        add(
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            cents=line.cents,
            weight=line.weight,
            is_gift=line.is_gift,
            note=line.note,
        )
    return reply.SerializeToString()  # type: ignore[no-any-return]


def _read_basket(body: bytes) -> Basket:
    basket = _BasketReply.FromString(body).value
    return Basket(
        customer=basket.customer,
        lines=[
            Line(
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                cents=line.cents,
                weight=line.weight,
                is_gift=line.is_gift,
                note=line.note if line.HasField("note") else None,
            )
            for line in basket.lines
        ],
    )


_NUMBERS = {State.OPEN: 1, State.PAID: 2}
_STATES = {1: State.OPEN, 2: State.PAID}


def _write_order(value: Order) -> bytes:
    reply = _OrderReply()
    order = reply.value
    order.id = value.id
    order.customer = value.customer
    order.cents = value.cents
    order.state = _NUMBERS[value.state]
    since = value.placed_at - _EPOCH
    placed_at = order.placed_at
    placed_at.seconds = since.days * 86400 + since.seconds
    placed_at.nanos = since.microseconds * 1000
    return reply.SerializeToString()  # type: ignore[no-any-return]


def _read_order(body: bytes) -> Order:
    order = _OrderReply.FromString(body).value
    at = order.placed_at
    return Order(
        id=order.id,
        customer=order.customer,
        cents=order.cents,
        state=_STATES[order.state],
        placed_at=_EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000),
    )


def _lines(count: int) -> list[Line]:
    return [
        Line(
            sku=f"SKU-{n:05}",
            name=f"A thing of the kind {n}",
            quantity=n + 1,
            cents=1_999 * (n + 1),
            weight=0.25 * n,
            is_gift=n % 2 == 0,
            note="wrap it, please" if n % 3 == 0 else None,
        )
        for n in range(count)
    ]


def run() -> Iterator[dict[str, Any]]:
    """The figures: microseconds to encode and decode once."""
    order = Order(
        id="O-2024-000017",
        customer="C-4711",
        cents=129_900,
        state=State.PAID,
        placed_at=datetime(2024, 5, 17, 12, 30, 15, 123457, tzinfo=UTC),
    )
    basket = Basket(customer="C-4711", lines=_lines(50))
    line = _lines(1)[0]
    yield _figure("record", "line", line, (_write_line, _read_line), REPEATS)
    yield _figure("list50", "basket", basket, (_write_basket, _read_basket), REPEATS // 20)
    yield _figure("moment", "order", order, (_write_order, _read_order), REPEATS)


def _figure(
    name: str,
    method: str,
    value: Any,
    by_hand: tuple[Callable[[Any], bytes], Callable[[bytes], Any]],
    repeats: int,
) -> dict[str, Any]:
    conversion = _CONVERTERS.of(read_contract(Benchmark).methods[method])
    ours = (conversion.encode_reply, conversion.decode_reply)
    body = ours[0](value)
    assert body == by_hand[0](value)
    assert ours[1](body) == by_hand[1](body) == value
    found = alternate(
        lambda: _microseconds(*ours, value, repeats),
        lambda: _microseconds(*by_hand, value, repeats),
    )
    return found.figure(f"contracts.protobuf.{name}", "us", goal=GOAL, of=OF, bytes=len(body))


def _microseconds(
    encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], value: Any, repeats: int
) -> float:
    started = perf_counter_ns()
    for _ in range(repeats):
        decode(encode(value))
    return (perf_counter_ns() - started) / repeats / 1000
