"""
What JSON of a contract's types costs, against plain msgspec JSON of the same types.

``record`` and ``list50`` are what the journal and the gateway's replies do: encode, and decode.
``.foreign`` decodes what came from outside: no key twice, no number over 64 bits, no limit broken.
``dataclass`` and ``pydantic`` are the same record written in these ways; the baseline of a model is
Pydantic's own JSON.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import perf_counter_ns
from typing import Annotated, Any

import msgspec
import pydantic
from annotated_types import Ge

from benchmarks.measure import alternate
from outgrow.contracts import Record, decoder, encoder, foreign_decoder

ROUNDS = 9
GOAL = 1.2
Trip = Callable[[Any], object]


class Line(Record):
    """A small record, with a limit."""

    sku: str
    cents: Annotated[int, Ge(0)]
    quantity: int = 1
    note: str | None = None


class Order(Record):
    """A record of a common size."""

    order_id: str
    user_id: str
    placed_at: datetime
    is_paid: bool
    total_cents: int
    lines: list[Line]


@dataclass(frozen=True)
class LineData:
    """The small record as a dataclass."""

    sku: str
    cents: Annotated[int, Ge(0)]
    quantity: int = 1
    note: str | None = None


@dataclass(frozen=True)
class OrderData:
    """The record as a dataclass."""

    order_id: str
    user_id: str
    placed_at: datetime
    is_paid: bool
    total_cents: int
    lines: list[LineData]


class LineModel(pydantic.BaseModel):
    """The small record as a Pydantic model."""

    sku: str
    cents: Annotated[int, Ge(0)]
    quantity: int = 1
    note: str | None = None


class OrderModel(pydantic.BaseModel):
    """The record as a Pydantic model."""

    order_id: str
    user_id: str
    placed_at: datetime
    is_paid: bool
    total_cents: int
    lines: list[LineModel]


def _order(order: Any, line: Any) -> Any:
    return order(
        order_id="0197b2f0-0000-7000-8000-000000000000",
        user_id="0197b2f0-0000-7000-8000-000000000001",
        placed_at=datetime(2026, 11, 23, 4, 5, 6, 123456, tzinfo=UTC),
        is_paid=True,
        total_cents=129_900,
        lines=[line(sku="cd-1", cents=1299, quantity=2), line(sku="lp", cents=2599, note="gift")],
    )


def _trip(write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> Trip:
    return lambda value: read(write(value))


def _microseconds(trip: Trip, value: object, count: int) -> float:
    started = perf_counter_ns()
    for _ in range(count):
        trip(value)
    return (perf_counter_ns() - started) / count / 1_000


def _figure(name: str, value: object, ours: Trip, other: Trip, **more: Any) -> dict[str, Any]:
    count = 2_000 if name.endswith("list50") or ".list50." in name else 40_000
    rounds = alternate(
        partial(_microseconds, ours, value, count),
        partial(_microseconds, other, value, count),
        ROUNDS,
    )
    return rounds.figure(name, "us", **more)


def run() -> Iterator[dict[str, Any]]:
    """The figures of JSON."""
    cases = [
        ("record", _order(Order, Line), Order),
        ("list50", [_order(Order, Line)] * 50, list[Order]),
    ]
    for name, value, hint in cases:
        plain = _trip(msgspec.json.Encoder().encode, msgspec.json.Decoder(hint).decode)
        own = _trip(encoder(hint), decoder(hint))
        foreign = _trip(encoder(hint), foreign_decoder(hint))
        title = f"contracts.json.{name}"
        yield _figure(title, value, own, plain, of="msgspec JSON", goal=GOAL)
        yield _figure(f"{title}.foreign", value, foreign, plain, of="msgspec JSON")
    data = _order(OrderData, LineData)
    plain = _trip(msgspec.json.Encoder().encode, msgspec.json.Decoder(OrderData).decode)
    own = _trip(encoder(OrderData), decoder(OrderData))
    yield _figure("contracts.json.record.dataclass", data, own, plain, of="msgspec JSON", goal=GOAL)
    model = _order(OrderModel, LineModel)
    pydantics = _trip(_dump, OrderModel.model_validate_json)
    own = _trip(encoder(OrderModel), decoder(OrderModel))
    yield _figure("contracts.json.record.pydantic", model, own, pydantics, of="Pydantic's JSON")


def _dump(model: OrderModel) -> bytes:
    return model.model_dump_json().encode()
