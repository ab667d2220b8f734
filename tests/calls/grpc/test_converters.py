from __future__ import annotations

import math
import traceback
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import read_contract
from outgrow.errors import ArgumentsRefused, CallFailed
from tests.calls.grpc.workshop import Colour, Everything, Part, Size, Tree, Workshop

MODEL = read_contract(Workshop)
CONVERTERS = Converters(Messages("shop", [MODEL]))
TIME = datetime(2024, 5, 17, 12, 30, 15, 123457, tzinfo=UTC)
PART = Part(
    name="",
    count=1,
    size=Size(width=0, height=0.0),
    colour=Colour.RED,
    made_at=TIME,
    blob=b"",
    is_spare=False,
)

texts = st.text(max_size=5)
numbers = st.integers(-(2**63), 2**63 - 1)
times = st.datetimes(timezones=st.just(UTC))
colours = st.sampled_from(Colour)
sizes = st.builds(Size, width=numbers, height=st.floats(allow_nan=False))
parts = st.builds(
    Part,
    name=texts,
    count=st.integers(1, 2**63 - 1),
    size=sizes,
    colour=colours,
    made_at=times,
    blob=st.binary(max_size=5),
    is_spare=st.booleans(),
)


def few(items):
    return st.lists(items, max_size=3)


def by_name(items):
    return st.dictionaries(texts, items, max_size=4)


everythings = st.builds(
    Everything,
    texts=few(texts),
    numbers=few(numbers),
    reals=few(st.floats(allow_nan=False)),
    truths=few(st.booleans()),
    blobs=few(st.binary(max_size=5)),
    times=few(times),
    colours=few(colours),
    parts=few(parts),
    text_by_name=by_name(texts),
    part_by_name=by_name(parts),
    colour_by_name=by_name(colours),
    time_by_name=by_name(times),
    maybe_text=st.none() | texts,
    maybe_number=st.none() | numbers,
    maybe_colour=st.none() | colours,
    maybe_time=st.none() | times,
    maybe_part=st.none() | parts,
    maybe_texts=st.none() | few(texts),
    maybe_parts=st.none() | few(parts),
    maybe_map=st.none() | by_name(parts),
    with_default=texts,
    times_default=times,
    colour_default=colours,
)


def conversion(name):
    return CONVERTERS.of(MODEL.methods[name])


def there_and_back(name, *arguments):
    return conversion(name).decode_request(conversion(name).encode_request(*arguments))


@settings(max_examples=150, deadline=None)
@given(everythings)
def test_every_shape_comes_back_as_it_was(everything):
    mirror = conversion("mirror")

    assert there_and_back("mirror", everything) == [everything]
    assert mirror.decode_reply(mirror.encode_reply(everything)) == everything


@given(st.lists(texts, unique=True, max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_dictionary_keeps_its_order(names):
    given = dict.fromkeys(names, 7)

    found = there_and_back("measure", 1, False, 1.0, None, given, Colour.RED)[4]

    assert list(found.items()) == list(given.items())


@pytest.mark.parametrize("value", [None, [], [0.0], [math.inf, -0.0]])
def test_none_and_an_empty_list_stay_different(value):
    measure = conversion("measure")

    assert measure.decode_reply(measure.encode_reply(value)) == value


def test_not_a_number_comes_back():
    assert math.isnan(there_and_back("measure", 1, True, math.nan, None, None, Colour.RED)[2])


def test_records_may_hold_records_of_their_own_kind():
    tree = Tree(name="a", children=[Tree(name="b", children=[]), Tree(name="c", children=[])])
    tree = Tree(name="root", children=[tree], next=tree)

    assert there_and_back("grow", tree) == [tree]
    assert there_and_back("grow", None) == [None]


def test_times_of_other_zones_come_back_as_the_same_moment_in_utc():
    there = TIME.astimezone(timezone(timedelta(hours=-5)))
    part = PART.replace(made_at=there)
    make = conversion("make")

    back = make.decode_reply(make.encode_reply(part)).made_at

    assert back == there
    assert back.tzinfo is UTC


def test_a_method_without_arguments_or_reply_needs_no_bytes():
    forget = conversion("forget")

    assert forget.encode_request() == b""
    assert forget.decode_request(b"") == []
    assert forget.decode_reply(forget.encode_reply(None)) is None


@pytest.mark.parametrize("body", [b"", b"\x0a\x01a"])
def test_what_is_required_and_absent_is_refused(body):
    with pytest.raises(ArgumentsRefused) as caught:
        conversion("make").decode_request(body)

    assert ("cents", "is missing") in caught.value.findings


def test_every_truncation_is_refused():
    body = conversion("make").encode_request("a name", 2**40)

    for length in range(len(body)):
        with pytest.raises(ArgumentsRefused):
            conversion("make").decode_request(body[:length])


def test_an_empty_value_is_not_an_absent_one():
    assert there_and_back("make", "", 0) == ["", 0]


def test_an_absent_value_with_a_default_gets_it():
    body = conversion("measure").encode_request(3, False, 1.0, None, None, Colour.RED)[:2]

    assert conversion("measure").decode_request(body) == [3, False, 1.5, None, None, Colour.RED]


def test_fields_of_a_newer_version_are_skipped():
    newer = conversion("make").encode_request("a", 1) + b"\xaa\x06\x01x"

    assert conversion("make").decode_request(newer) == ["a", 1]


def test_limits_of_parameters_and_records_hold_for_whoever_sends():
    measure, make = conversion("measure"), conversion("make")
    with pytest.raises(ArgumentsRefused, match=r"(count|value.*): 0 is not at least 1"):
        measure.decode_request(measure.encode_request(0, False, 1.0, None, None, Colour.RED))

    body = make.encode_reply(PART)
    assert b"\x10\x01" in body
    with pytest.raises(CallFailed, match=r"(count|value.*): 0 is not at least 1"):
        make.decode_reply(body.replace(b"\x10\x01", b"\x10\x00"))


def test_an_unknown_number_of_an_enumeration_is_refused():
    body = conversion("measure").encode_request(3, False, 1.0, None, None, Colour.RED)

    for number in (b"\x00", b"\x09"):
        with pytest.raises(ArgumentsRefused, match=r"colour: . is no number of Colour"):
            conversion("measure").decode_request(body[:-1] + number)


@pytest.mark.parametrize(
    ("name", "cents", "place"),
    [
        ("a", 2**70, "cents"),
        ("a", -(2**63) - 1, "cents"),
        ("a", "12", "cents"),
        ("a", 12.0, "cents"),
        ("a", True, "cents"),
        ("a", None, "cents"),
        (b"a", 1, "name"),
        (None, 1, "name"),
        (["a"], 1, "name"),
        ("\ud800", 1, "name"),
        (PART, 1, "name"),
    ],
)
def test_arguments_of_other_types_are_refused_with_their_place(name, cents, place):
    with pytest.raises(ArgumentsRefused) as caught:
        conversion("make").encode_request(name, cents)

    assert [found for found, _ in caught.value.findings] == [place]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"count": 2**63}, ".count"),
        ({"size": {"width": 1, "height": 1.0}}, ".size"),
        ({"size": Size(width=1, height=True)}, ".size.height"),
        ({"size": Size(width=1, height=2**53 + 1)}, ".size.height"),
        ({"size": Size(width=1, height=10**400)}, ".size.height"),
        ({"colour": "red"}, ".colour"),
        ({"made_at": datetime(2024, 1, 1)}, ".made_at"),  # noqa: DTZ001
        ({"made_at": "2024-01-01"}, ".made_at"),
        ({"blob": "text"}, ".blob"),
        ({"blob": bytearray(b"x")}, ".blob"),
        ({"is_spare": 1}, ".is_spare"),
    ],
)
def test_parts_of_other_types_deep_inside_are_refused_with_their_place(change, place):
    made = PART.replace(**change)
    everything = example().replace(parts=[PART, made], part_by_name={"x": made})

    with pytest.raises(ArgumentsRefused) as caught:
        conversion("mirror").encode_request(everything)

    assert [found for found, _ in caught.value.findings] == [
        f"everything.parts[1]{place}",
        f"everything.part_by_name['x']{place}",
    ]


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("texts", ("a",), ""),
        ("texts", "abc", ""),
        ("texts", ["a", b"b"], "[1]"),
        ("numbers", [1, True], "[1]"),
        ("numbers", [2**64], "[0]"),
        ("reals", [1.0, "2"], "[1]"),
        ("truths", [0], "[0]"),
        ("text_by_name", {"a": 1}, "['a']"),
        ("text_by_name", {1: "a"}, " key"),
        ("text_by_name", [("a", "b")], ""),
        ("maybe_texts", {}, ""),
        ("maybe_text", 3, ""),
        ("colours", ["red"], "[0]"),
    ],
)
def test_containers_with_something_else_inside_are_refused(field, value, place):
    with pytest.raises(ArgumentsRefused) as caught:
        conversion("mirror").encode_request(example().replace(**{field: value}))

    assert [found for found, _ in caught.value.findings] == [f"everything.{field}{place}"]


def test_an_int_stands_for_a_float_as_type_checkers_say():
    assert there_and_back("measure", 1, False, 3, None, None, Colour.RED)[2] == 3.0


def test_a_value_that_holds_itself_is_refused():
    tree = Tree(name="a", children=[])
    tree.children.append(tree)

    with pytest.raises(ArgumentsRefused, match="deep"):
        conversion("grow").encode_request(tree)


def test_findings_are_cut_at_ten():
    with pytest.raises(ArgumentsRefused) as caught:
        conversion("mirror").encode_request(example().replace(texts=[1] * 100))

    assert len(caught.value.findings) == 10


def test_tracebacks_show_the_written_source():
    try:
        conversion("make").encode_request("a", "12")
    except ArgumentsRefused as error:
        cause = error.__cause__
        assert cause is not None
        assert "number(b'\\x10', a1)" in "".join(traceback.format_exception(cause))


def example():
    return Everything(
        texts=[],
        numbers=[],
        reals=[],
        truths=[],
        blobs=[],
        times=[],
        colours=[],
        parts=[],
        text_by_name={},
        part_by_name={},
        colour_by_name={},
        time_by_name={},
        maybe_text=None,
        maybe_number=None,
        maybe_colour=None,
        maybe_time=None,
        maybe_part=None,
        maybe_texts=None,
        maybe_parts=None,
        maybe_map=None,
    )
