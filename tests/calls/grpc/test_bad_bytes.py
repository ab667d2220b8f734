"""Bytes that nobody of us has sent: always a typed error, or a value that keeps its type."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import read_contract
from outgrow.contracts.descriptions import Numbers
from outgrow.errors import ArgumentsRefused
from tests.calls.grpc.google import frozen, message
from tests.contracts.protobuf import everything as e
from tests.contracts.protobuf.everything import Colour, Museum

MODEL = read_contract(Museum)
MESSAGES = Messages("shop", [MODEL], {"everything.v1": Numbers()})
CONVERTERS = Converters(MESSAGES)
PUT, ADD, PICK = (CONVERTERS.of(MODEL.methods[name]) for name in ("put_thing", "add", "pick"))
POOL = frozen(MODEL)


def example() -> Any:
    """A thing as Google's runtime holds it, made by ours."""
    request = message(POOL, "shop.everything.v1.PutThingRequest")
    request.MergeFromString(PUT.encode_request("x", simple()))
    return request


def simple() -> Any:
    return e.Everything(
        a_bool=True, an_int=5, a_float=1.5, a_str="abc", some_bytes=b"\xff",
        a_datetime=datetime(2024, 5, 17, tzinfo=UTC), a_date=date(2024, 5, 17),
        a_time=time(12, 30), a_timedelta=timedelta(seconds=-1.5), a_decimal=Decimal("1.50"),
        a_uuid=UUID(int=7), colour=Colour.RED, level=e.Level.LOW, text_literal="a",
        number_literal=-7, payment=e.Card(number="1"), maybe_payment=None,
        payments=[e.Transfer(iban="x", at=date(2024, 1, 1))], payment_by_name={},
        pair=(1, "b"), pairs=[(1, None)], matrix=[[1], []], cube=[[[0.5]]], gaps=[None, 0],
        lists_by_name={"a": [1]}, maybe_by_day={date(2024, 1, 1): None},
        by_number={-1: e.Point(0.5)}, by_colour={Colour.DARK_BLUE: 1},
        by_id={UUID(int=1): {"a": Decimal(1)}}, tags={"a", "b"}, levels=frozenset([e.Level.HIGH]),
        points=(e.Point(1.0),), address=e.Address(streetName="s"), addresses=[None],
        page=e.Page(items=[]), pages=e.Page(items=[]), node=e.Node(name="n"), maybe_list=[],
        maybe_map=None, both=([1], (e.Card(number="2"), None)),
    )  # fmt: skip


def refused(body: bytes) -> dict[str, str]:
    with pytest.raises(ArgumentsRefused) as caught:
        PUT.decode_request(body)
    return dict(caught.value.findings)


def test_the_example_is_good():
    assert PUT.decode_request(example().SerializeToString()) == ["x", simple()]


def change(path: str, value: Any) -> Any:
    def make(thing: Any) -> None:
        *inner, last = path.split(".")
        for name in inner:
            thing = thing[int(name)] if name.isdigit() else getattr(thing, name)
        if last == "append":
            thing.append(value)
        elif last == "clear":
            thing.Clear()
        else:
            setattr(thing, last, value)

    return make


@pytest.mark.parametrize(
    ("path", "value", "place", "says"),
    [
        ("a_datetime.seconds", 2**62, ".a_datetime", "outside of the years"),
        ("a_datetime.nanos", -1, ".a_datetime", "outside of the years"),
        ("a_datetime.nanos", 10**9, ".a_datetime", "outside of the years"),
        ("a_timedelta.seconds", 315_576_000_001, ".a_timedelta", "no duration"),
        ("a_timedelta.nanos", 5, ".a_timedelta", "no duration"),
        ("a_date", "2024-02-30", ".a_date", "no date"),
        ("a_date", "20240101", ".a_date", "no date"),
        ("a_time", "12:30:00+01:00", ".a_time", "without a zone"),
        ("a_time", "25:00:00", ".a_time", "no time of day"),
        ("a_decimal", "NaN", ".a_decimal", "no decimal"),
        ("a_decimal", "Infinity", ".a_decimal", "no decimal"),
        ("a_decimal", "1_0", ".a_decimal", "no decimal"),
        ("a_decimal", " 1", ".a_decimal", "no decimal"),
        ("a_decimal", "\u0661", ".a_decimal", "no decimal"),
        ("a_decimal", "", ".a_decimal", "no decimal"),
        ("a_decimal", "1e99999999999999999999", ".a_decimal", "no decimal"),
        ("a_decimal", "1" * 1001, ".a_decimal", "1001 characters"),
        ("a_uuid", "{00000000-0000-0000-0000-000000000007}", ".a_uuid", "no UUID"),
        ("a_uuid", "7", ".a_uuid", "no UUID"),
        ("colour", 0, ".colour", "no number of Colour"),
        ("colour", 77, ".colour", "no number of Colour"),
        ("level", -1, ".level", "no number of Level"),
        ("text_literal", "c", ".text_literal", "none of 'a', 'b'"),
        ("number_literal", 2, ".number_literal", "none of 1, -7"),
        ("payment.clear", None, ".payment", "none of card, bank_transfer"),
        ("payments.0.clear", None, ".payments[0]", "none of card, bank_transfer"),
        ("pair.clear", None, ".pair[0]", "is missing"),
        ("tags.append", "a", ".tags", "some are equal"),
        ("levels.append", 2, ".levels", "some are equal"),
        ("levels.append", 9, ".levels[1]", "no number of Level"),
        ("an_int", 0, ".an_int", "not at least 1"),
        ("a_str", "ABC", ".a_str", "not of the form"),
        ("limits.append", -1, ".limits[0]", "not at least 0"),
        ("address.street", "s" * 51, ".address", "at most 50"),
        ("address.clear", None, ".address.street", "is missing"),
    ],
)
def test_a_value_that_its_type_cannot_hold_is_refused_with_its_place(path, value, place, says):
    request = example()
    change(path, value)(request.thing)

    found = refused(request.SerializeToString())

    assert len(found) <= 2
    where, text = next(iter(found.items()))
    assert where.startswith(f"thing{place}")
    assert says in text


def test_all_places_are_told_at_once():
    request = example()
    for path, value in (("a_date", "x"), ("a_uuid", "y"), ("colour", 9), ("an_int", 0)):
        change(path, value)(request.thing)

    assert set(refused(request.SerializeToString())) == {
        "thing.a_date",
        "thing.a_uuid",
        "thing.colour",
    }


def nested(depth: int) -> bytes:
    body = b"\x0a\x00"
    for _ in range(depth):
        body = b"\x12" + _length(len(body)) + body
    return body


def _length(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes((value & 127 | 128,)), value >> 7
    return found + bytes((value,))


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a\xff\xff\xff\xff\x07",
        b"\x08\x01",
        b"\x0a\x02\xc3\x28",
        b"\x0a\x03\xed\xa0\x80",
        b"\x0f",
        b"\x00\x01",
        b"\x0b" * 200,
        nested(10_000),
        b"\x12\x04\x10" + b"\xff" * 3,
    ],
    ids=[
        "truncated", "over-long-varint", "length-beyond-the-end", "wrong-wire-type",
        "invalid-utf8", "surrogate", "unknown-wire-type", "field-zero", "groups", "10000-deep",
        "truncated-varint",
    ],
)  # fmt: skip
def test_bytes_that_are_no_message_are_refused(body):
    assert refused(body)


def test_a_bomb_of_repeated_fields_is_refused_within_moments():
    # Each two bytes are an empty record in a list: two million of them within 4 MiB.
    with pytest.raises(ArgumentsRefused) as caught:
        ADD.decode_request(b"\x0a\x00" * (2**21 - 20))

    assert len(caught.value.findings) == 10


def test_as_many_items_as_a_message_holds_are_read():
    request = example()
    gap = next(f for f in request.thing.DESCRIPTOR.fields if f.name == "gaps").number << 3 | 2
    head = _length(gap)
    thing = request.thing.SerializeToString() + (head + b"\x00") * 1_000_000
    body = b"\x0a\x01x\x12" + _length(len(thing)) + thing

    assert PUT.decode_request(body)[1].gaps == [None, 0, *[None] * 1_000_000]


def mutate(body: bytes, chance: random.Random) -> bytes:
    """*body* with a few of the usual harms."""
    found = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(7):
            case 0:
                del found[at:]
            case 1:
                found[at:at] = b"\xff" * chance.randint(1, 11)
            case 2 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 3:
                found[at : at + chance.randint(1, 8)] = chance.randbytes(chance.randint(0, 8))
            case 4 if at < len(found):
                found[at] = chance.choice((0, 1, 0x7F, 0x80, 0xC0, 0xED, 0xFF))
            case 5:
                found[at:at] = found[chance.randrange(len(found) + 1) :][:40]
            case 6 if at < len(found):
                found[at] = found[at] & 0xF8 | chance.randrange(8)
    return bytes(found)


def fuzz(count: int, seed: int) -> tuple[int, int]:
    """How many of *count* harmed messages were refused, and how many were read."""
    chance = random.Random(seed)
    seeds = [
        (PUT, PUT.encode_request("x", simple())),
        (ADD, ADD.encode_request([simple()], "n")),
        (PICK, PICK.encode_request(simple().payment)),
    ]
    refusals = 0
    for n in range(count):
        conversion, body = seeds[n % len(seeds)]
        body = mutate(body, chance) if n % 50 else chance.randbytes(chance.randint(0, 60))
        try:
            values = conversion.decode_request(body)
        except ArgumentsRefused as error:
            assert 1 <= len(error.findings) <= 10  # noqa: PT017 - it need not be raised
            refusals += 1
        else:
            # What was read is a value of its type: it can be written, and read again.
            again = conversion.encode_request(*values)
            assert conversion.encode_request(*conversion.decode_request(again)) == again
    return refusals, count - refusals


def test_harmed_messages_are_refused_or_read():
    refusals, read = fuzz(2_000, 1)

    assert refusals > 500
    assert read > 50


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_thousand_harmed_messages_are_refused_or_read():
    refusals, read = fuzz(120_000, 2)

    assert refusals > 30_000
    assert read > 3_000


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused_or_read(body):
    for conversion in (PUT, ADD, PICK):
        try:
            conversion.decode_request(body)
        except ArgumentsRefused as error:
            assert error.findings  # noqa: PT017 - it need not be raised


@pytest.mark.parametrize("by", ["children", "by_name"])
@pytest.mark.parametrize("leaf", [{}, {"seen_at": datetime(2024, 1, 1, tzinfo=UTC)}])
def test_what_is_written_is_never_too_deep_to_be_read(by, leaf):
    thing = simple()
    node, refusals = e.Node(name="leaf", **leaf), 0
    for _ in range(110):
        node = e.Node(name="n", **{by: [node] if by == "children" else {"a": node}})
        try:
            body = PUT.encode_request("x", thing.replace(node=node))
        except ArgumentsRefused as error:
            refusals += 1
            assert "lies more than 100 deep" in str(error)  # noqa: PT017 - the first are written
        else:
            assert PUT.decode_request(body)[1].node == node

    assert 0 < refusals < 70
