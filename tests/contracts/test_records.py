"""Records and events: frozen, keyword-only, and never outside of their limits."""

import pickle
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest
from annotated_types import Ge, Interval, Len, MaxLen, MultipleOf
from hypothesis import given
from hypothesis import strategies as some

from outgrow.contracts import Event, LimitBroken, Record, event_key, event_type


class Kind(StrEnum):
    SHELF = "shelf"
    BOX = "box"


class Line(Record):
    item_id: Annotated[str, MaxLen(5)]
    pieces: Annotated[int, Ge(1)] = 1


class Basket(Record):
    lines: Annotated[list[Line], Len(1, 3)]
    codes: dict[str, Annotated[int, MultipleOf(5)]] = {}
    tip: Annotated[float, Interval(ge=0, lt=1)] | None = None
    mail: Annotated[str, msgspec.Meta(pattern=r"^\S+@\S+$")] = "a@b"
    kind: Kind = Kind.BOX


class Plain(Record):
    name: str
    at: datetime
    tags: list[str] = []


class Placed(Event, key="order_id"):
    order_id: int
    pieces: Annotated[int, Ge(1)] = 1


class Seen(Event, key=None):
    page: str


class Tree(Record):
    value: Annotated[int, Ge(0)]
    children: "list[Tree]" = []


def basket(**changes: Any) -> Basket:
    return Basket(**{"lines": [Line(item_id="a")]} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": []}, ".lines: [] is not at least 1 long"),
        ({"lines": [Line(item_id="a")] * 4}, "is not at most 3 long"),
        ({"codes": {"a": 5, "b": 7}}, ".codes['b']: 7 is not a multiple of 5"),
        ({"tip": 1.0}, ".tip: 1.0 is not less than 1"),
        ({"tip": -0.5}, ".tip: -0.5 is not at least 0"),
        ({"mail": "nobody"}, ".mail: 'nobody' is not of the form"),
    ],
)
def test_a_record_that_breaks_a_limit_cannot_be_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LimitBroken) as broken:
        basket(**changes)

    assert message in str(broken.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": [{"item_id": "a"}, {"item_id": "b", "pieces": 0}]}, "0 is not at least 1"),
        ({"lines": [{"item_id": "too long"}]}, "'too long' is not at most 5 long"),
        ({"codes": {"a": 1}}, "1 is not a multiple of 5"),
    ],
)
def test_limits_hold_for_what_comes_in_as_json(changes: dict[str, Any], message: str) -> None:
    body = msgspec.json.encode({"lines": [{"item_id": "a"}]} | changes)

    with pytest.raises(msgspec.ValidationError) as decoded:
        msgspec.json.decode(body, type=Basket)
    with pytest.raises(msgspec.ValidationError) as converted:
        msgspec.convert(msgspec.json.decode(body), type=Basket)
    assert message in str(decoded.value)
    assert message in str(converted.value)


def test_a_replaced_field_is_checked_like_a_new_one() -> None:
    with pytest.raises(LimitBroken):
        Line(item_id="a").replace(pieces=0)


def test_a_record_may_contain_itself() -> None:
    assert Tree(value=1, children=[Tree(value=2)]).children[0].value == 2
    with pytest.raises(LimitBroken):
        Tree(value=1, children=[Tree(value=-1)])


def test_a_record_is_frozen_and_takes_names_only() -> None:
    line: Any = Line(item_id="a")
    make: Any = Line

    with pytest.raises(AttributeError):
        line.pieces = 2
    with pytest.raises(TypeError):
        make("a", 1)
    with pytest.raises(TypeError):
        make(item_id="a", colour="red")


def test_defaults_are_not_shared() -> None:
    one, other = (Plain(name="x", at=datetime(2030, 1, 1, tzinfo=UTC)) for _ in range(2))

    one.tags.append("mine")

    assert other.tags == []


@given(some.integers(), some.text(max_size=8))
def test_the_check_agrees_with_the_limits(pieces: int, item_id: str) -> None:
    is_good = pieces >= 1 and len(item_id) <= 5

    try:
        Line(item_id=item_id, pieces=pieces)
    except LimitBroken:
        assert not is_good
    else:
        assert is_good


@given(
    some.builds(
        Basket,
        lines=some.lists(some.builds(Line, item_id=some.text(max_size=5)), min_size=1, max_size=3),
        tip=some.none() | some.floats(0, 1, exclude_max=True),
        kind=some.sampled_from(Kind),
    )
)
def test_what_was_made_survives_json_and_pickling(made: Basket) -> None:
    assert msgspec.json.decode(msgspec.json.encode(made), type=Basket) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_record_below_a_record_keeps_the_limits_of_both() -> None:
    class Marked(Line):
        mark: Annotated[int, Ge(7)]

    assert Marked(item_id="a", mark=7).pieces == 1
    with pytest.raises(LimitBroken):
        Marked(item_id="a", mark=6)
    with pytest.raises(LimitBroken):
        Marked(item_id="a", mark=7, pieces=0)


def test_a_record_without_limits_below_one_with_limits_keeps_them() -> None:
    class Named(Line):
        name: str

    with pytest.raises(LimitBroken):
        Named(item_id="a", name="n", pieces=0)


def test_an_event_knows_its_key_as_text_and_its_name_on_the_wire() -> None:
    assert event_key(Placed(order_id=7)) == "7"
    assert event_key(Seen(page="/")) is None
    assert event_type(Placed).rpartition(".")[2] == "Placed"


def test_an_event_that_breaks_a_limit_cannot_be_made() -> None:
    with pytest.raises(LimitBroken):
        Placed(order_id=1, pieces=0)
