"""Events of an older form, made new by their upcasters; and what cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from annotated_types import Ge

from outgrow.contracts import Event, EventReader, event_names, event_schema, upcast
from outgrow.contracts.codecs import encode
from outgrow.errors import EventUnreadable, InvalidContract


class Money(msgspec.Struct, frozen=True):
    cents: Annotated[int, Ge(0)]


class Charged(Event, key="order_id", schema=4, aliases=["Paid", "Settled"]):
    order_id: str
    price: Money


@upcast(Charged, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": old["order"], "euros": old["euros"]}


@upcast(Charged, schema=2)
def _(old: dict[str, Any]) -> dict[str, Any]:
    old["cents"] = round(old.pop("euros") * 100)
    return old


@upcast(Charged, schema=3)
def nested(old: dict[str, Any]) -> dict[str, Any]:
    if old.get("answer"):
        return old["answer"]  # type: ignore[no-any-return]
    return {"order_id": old["order_id"], "price": {"cents": old["cents"]}}


def read(schema: int, body: Any) -> Event:
    return EventReader(Charged).read(schema, msgspec.json.encode(body).decode())


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (1, {"order": "a", "euros": 0.07}),
        (2, {"order_id": "a", "euros": 0.07}),
        (3, {"order_id": "a", "cents": 7}),
        (4, {"order_id": "a", "price": {"cents": 7}}),
        (4, {"order_id": "a", "price": {"cents": 7, "currency": "EUR"}, "added": [1]}),
    ],
)
def test_every_older_form_is_read(schema: int, body: Any) -> None:
    assert read(schema, body) == Charged(order_id="a", price=Money(cents=7))


def test_an_event_knows_its_schema_and_all_its_names() -> None:
    service = Charged.__module__.rpartition(".")[2]
    assert event_schema(Charged) == 4
    assert event_names(Charged) == tuple(f"{service}.{n}" for n in ("Charged", "Paid", "Settled"))


def test_an_event_below_an_event_has_a_past_of_its_own() -> None:
    class Refunded(Charged, key="order_id"):
        pass

    assert event_schema(Refunded) == 1
    assert [name.rpartition(".")[2] for name in event_names(Refunded)] == ["Refunded"]
    with pytest.raises(EventUnreadable, match="schema 2 by a newer version"):
        EventReader(Refunded).read(2, "{}")


@pytest.mark.parametrize(
    ("schema", "body", "message"),
    [
        (5, {}, "written with schema 5 by a newer version of its service"),
        (10**12, {}, "written with schema 1000000000000 by a newer"),
        (0, {}, "written with schema 0, and nothing makes 1 of that"),
        (-(10**12), {}, "and nothing makes -999999999999 of that"),
        (1, [1], "it is no JSON object: Expected `object`, got `array`"),
        (1, {"euros": 1}, "the upcaster of schema 1, _ at .*test_upcasting.py:.*KeyError: 'order'"),
        (3, {"answer": "x"}, "the upcaster of schema 3, nested at .* returned a str instead of"),
        (3, {"answer": [1]}, "returned a list instead of a dict of the fields of schema 4"),
        (3, {"answer": {"order_id": 7}}, "does not fit .*Charged with schema 4: .*nested at"),
        (
            3,
            {"answer": {"order_id": "a", "price": {"cents": -1}}},
            r"does not fit .*Charged with schema 4: .*is not at least 0",
        ),
        (4, {"order_id": "a"}, "missing required field `price`.*New fields of an event need a"),
    ],
)
def test_what_cannot_be_read_says_why(schema: int, body: Any, message: str) -> None:
    with pytest.raises(EventUnreadable, match=message):
        read(schema, body)


@dataclass(frozen=True)
class Place:
    city: str


class Buyer(pydantic.BaseModel, frozen=True):
    name: str
    born: date

    @pydantic.field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name == "nobody":
            message = "nobody buys nothing"
            raise ValueError(message)
        return name


class Bought(Event, key="order_id", schema=2):
    order_id: str
    buyer: Buyer
    places: list[Place]


@upcast(Bought, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    buyer = {"name": old["name"], "born": date(2000, 1, 2)}
    return {"order_id": old["order_id"], "buyer": buyer, "places": [{"city": old["city"]}]}


def test_records_of_every_kind_are_made_of_old_forms() -> None:
    reader = EventReader(Bought)
    body = '{"order_id": "a", "name": "ada", "city": "Ulm", "age": 7}'
    bought = reader.read(1, body)

    assert bought == Bought(
        order_id="a",
        buyer=Buyer(name="ada", born=date(2000, 1, 2)),
        places=[Place(city="Ulm")],
    )
    assert reader.read(2, encode(bought).decode()) == bought
    with pytest.raises(EventUnreadable, match="nobody buys nothing.*buyer"):
        reader.read(1, body.replace("ada", "nobody"))


def test_an_upcaster_that_makes_no_json_is_named() -> None:
    class Sent(Event, key=None, schema=2):
        text: str

    @upcast(Sent, schema=1)
    def with_object(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "text": object()}

    with pytest.raises(EventUnreadable, match="cannot be made JSON again: .*with_object at"):
        EventReader(Sent).read(1, '{"text": "a"}')


def test_all_that_is_wrong_with_an_event_is_found_at_once() -> None:
    with pytest.raises(InvalidContract) as refused:

        class Sent(Event, key="id", schema=True, aliases=["Sent", "a b", "Post", "Post", 7]):
            text: str

    assert [finding.slug for finding in refused.value.findings] == [
        "event-key-unknown",
        "event-schema",
        *["event-alias"] * 4,
    ]


def test_all_that_is_wrong_with_an_upcaster_is_found_at_once() -> None:
    async def wrong(_old: Any, _schema: Any) -> None: ...

    wrong.__module__ = "elsewhere"
    with pytest.raises(InvalidContract) as refused:
        upcast(Charged, schema=7)(wrong)  # type: ignore[type-var]

    assert [finding.slug for finding in refused.value.findings] == [
        "upcast-schema",
        "upcast-signature",
        "upcast-elsewhere",
    ]
    assert all("test_upcasting.py:" in finding.place for finding in refused.value.findings)
