"""What comes from outside and is no value is always refused in words, never crashed on."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from annotated_types import Ge, MaxLen

from outgrow.contracts import (
    Misfit,
    NotFinite,
    Record,
    convert,
    decoder,
    encode,
    encode_ordered,
    encoder,
    foreign_decoder,
    refuse_duplicates,
    strict_decoder,
)
from tests.contracts.strategies import Card, CardData, CardModel, Cash, CashData, CashModel

DEEP = 10_000


class Colour(enum.Enum):
    RED = "red"


class Node(Record):
    n: int = 0
    below: list[Node] = []
    names: dict[str, int] = {}


@dataclass(frozen=True)
class NodeData:
    n: Annotated[int, Ge(0)] = 0
    below: tuple[NodeData, ...] = ()


class NodeModel(pydantic.BaseModel):
    n: Annotated[int, Ge(0)] = 0
    below: list[NodeModel] = []
    called: str = pydantic.Field("", alias="nodeName")

    @pydantic.model_validator(mode="after")
    def is_no_thirteen(self) -> NodeModel:
        if self.n == 13:
            raise ValueError("thirteen brings bad luck")
        return self


def refused(hint: Any, body: bytes) -> str:
    """What is said of *body*; it must be refused as one of the kinds that a border expects."""
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)) as raised:
        foreign_decoder(hint)(body)
    return str(raised.value)


@pytest.mark.parametrize("hint", [Node, NodeData, NodeModel])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b'{"n":', "truncated"),
        (b'{"n":1}{}', "trailing"),
        (b'{"n":"1"}', r"Expected `int`, got `str` - at `\$.n`"),
        (b'{"n":1.5}', "Expected `int`, got `float`"),
        (b'{"n":null}', "Expected `int`, got `null`"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"n":9223372036854775808}', r"9223372036854775808 is no whole number of 64 bits.*\.n"),
        (b'{"n":-9223372036854775809}', "64 bits|at least 0|greater than or equal"),
        (b'{"n":1e999}', "out of range"),
        (b'{"n":' + b"9" * 5_000 + b"}", "out of range|64 bits"),
        (b'{"n":NaN}', "malformed"),
        (b'{"n":Infinity}', "malformed"),
        (b'{"x":"\xff"}', "UTF-8|utf-8|malformed"),
        (b'{"x":"\xed\xa0\x80"}', "UTF-8|utf-8|malformed"),
        (b'{"x":"\\ud800"}', "truncated|surrogate|malformed"),
        (b'\xef\xbb\xbf{"n":1}', "malformed"),
        (b'{"n":1,"n":2}', "key 'n' stands twice"),
        (b'{"n":1,"\\u006e":2}', "key 'n' stands twice"),
        (b'{"x":":","x":"\\u003a\\u003a"}', "key 'x' stands twice"),
        (b'{"below":[{"x":{"y":1,"y":1}}]}', "key 'y' stands twice"),
        (b'{"below":[{"n":"x"}]}', r"`\$.below\[0\].n`"),
        (b'{"x":' * DEEP + b"1" + b"}" * DEEP, "nested too deeply"),
        (b'{"below":[' * DEEP + b"]}" * DEEP, "nested too deeply"),
        (b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deeply"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b"{" + b'"n":1,' * 50_000 + b'"n":1}', "key 'n' stands twice"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_value_is_refused_in_words(hint: Any, body: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=message):
        foreign_decoder(hint)(body)


def test_the_longest_decimal_is_read() -> None:
    text = "1." + "0" * 998

    assert str(foreign_decoder(Decimal)(f'"{text}"')) == text


@pytest.mark.parametrize(
    ("hint", "body", "message"),
    [
        (datetime, b'"2026-01-01T00:00:00"', "has no zone"),
        (datetime, b'"0001-01-01T00:00:00+14:00"', "in no year from 1 to 9999"),
        (datetime, b'"2026-13-01T00:00:00Z"', "Invalid"),
        (date, b'"2023-02-29"', "Invalid"),
        (time, b'"01:00:00Z"', "has a zone"),
        (timedelta, b'"P999999999D"', "longer than 315576000000 seconds"),
        (timedelta, b"5", "Expected"),
        (Decimal, b'"NaN"', "no finite number"),
        (Decimal, b'"-Infinity"', "no finite number"),
        (Decimal, b'"1.%s"' % (b"0" * 999), "has 1001 characters; a decimal has at most 1000"),
        (list[Decimal], b'["%s"]' % (b"9" * 1_001), r"has 1001 characters.* - at `\$\[0\]`"),
        (Decimal, b'"x"', "Invalid"),
        (UUID, b'"x"', "Invalid"),
        (bytes, b'"\\u00e9"', "base64"),
        (Colour, b'"green"', "Invalid enum value 'green'"),
        (Literal["a", "b"], b'"c"', "Invalid enum value 'c'"),
        (dict[int, int], b'{"9223372036854775808":1}', "64 bits"),
        (dict[int, int], b'{"01":1}', "Expected `int`"),
        (dict[int, str], b'{"0":"a","-0":"b"}', "two keys of this object mean the same"),
        (list[dict[int, int]], b'[{},{"-0":1,"0":1}]', r"mean the same - at `\$\[1\]`"),
        (dict[UUID, int], b'{"%s":1,"%s":2}' % (b"a" * 32, b"A" * 32), "Invalid|mean the same"),
        (set[int], b"[1,2,1]", "some are equal"),
        (frozenset[Decimal], b'["1.0","1.00"]', "some are equal"),
        (dict[str, set[str]], b'{"x":["a","a"]}', r"some are equal - at `\$\['x'\]"),
        (list[tuple[int, str]], b'[[1,"a"],[1]]', "length 2"),
        (list[Node], b'[{"names":{"a":9223372036854775808}}]', r"\[0\].names\['a'\]"),
        (Card | Cash, b'{"number":"1"}', "missing required field `type`"),
        (Card | Cash, b'{"type":"x"}', "Invalid value 'x'"),
        (CardData | CashData, b'{"number":"1"}', "missing required field `kind`"),
        (CardData | CashData, b'{"kind":"x"}', "Invalid value 'x'"),
        (CardModel | CashModel, b'{"kind":"x"}', "Invalid value 'x'"),
        (list[CardModel | CashModel], b'[{"kind":"card"}]', r"missing .*`number` - at `\$\[0\]`"),
        (NodeData, b'{"below":[{"n":-1}]}', r"-1 is not at least 0 - at `\$.below\[0\].n`"),
        (NodeModel, b'{"below":[{"n":-1}]}', r"greater than or equal to 0 - at `\$.below\[0\].n`"),
        (dict[str, NodeModel], b'{"k":{"n":13}}', r"thirteen brings bad luck - at `\$\['k'\]`"),
        (NodeModel, b'{"nodeName":1}', r"Expected `str`, got `int` - at `\$.nodeName`"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_each_type_says_what_it_is_not(hint: Any, body: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=message):
        foreign_decoder(hint)(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"names":{":":1,"\\":":2}}',
        b'{"names":{"\\u003a":1}}',
        b'{"names":{"a":1}, "unknown": {"names": ":::"}}',
    ],
)
def test_a_colon_in_a_text_is_no_key(body: bytes) -> None:
    foreign_decoder(Node)(body)


def test_what_stands_in_unknown_fields_is_checked_too() -> None:
    assert "twice" in refused(Node, b'{"unknown":[{"a":1,"a":1}]}')
    assert decoder(Node)(b'{"unknown":{"a":1,"a":1}}') == Node()


def test_large_input_takes_time_in_proportion_to_its_size() -> None:
    body = b'{"below":[' + b",".join([b'{"n":1}'] * 20_000) + b"]}"

    assert len(foreign_decoder(Node)(body).below) == 20_000
    assert len(foreign_decoder(NodeModel)(body).below) == 20_000
    assert refuse_duplicates(body)["below"][0] == {"n": 1}


def test_long_numbers_in_texts_and_at_the_limit_are_let_through() -> None:
    digits = b'{"names":{"9223372036854775808000":9223372036854775807}}'

    assert strict_decoder(Node)(digits).names == {"9223372036854775808000": 2**63 - 1}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        {"a": [1.0, (None, float("inf"))]},
        [Decimal("Infinity")],
    ],
    ids=str,
)
def test_numbers_that_json_has_not_are_not_written(value: Any) -> None:
    with pytest.raises(NotFinite, match="no finite number"):
        encode(value)


def test_texts_that_look_like_no_number_are_texts() -> None:
    assert encode(["NaN", "Infinity", None, "null"]) == b'["NaN","Infinity",null,"null"]'


def test_it_says_where_the_number_is() -> None:
    class Weighed(Record):
        weights: dict[str, list[Decimal]]

    write = encoder(Weighed, None, "weighed")
    with pytest.raises(NotFinite, match=r"weighed\.weights\.a\[1\]: NaN is no finite number"):
        write(Weighed(weights={"a": [Decimal(1), Decimal("NaN")]}))


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"\udfff": 1}, object(), [object]],
    ids=["text", "key", "object", "class"],
)
def test_what_is_no_data_is_not_written(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(value)


def test_all_that_a_model_finds_is_told_at_once() -> None:
    class Pair(pydantic.BaseModel):
        left: Annotated[int, Ge(1)]
        right: Annotated[str, MaxLen(1)]

    with pytest.raises(Misfit) as raised:
        convert({"pairs": [{"left": 0, "right": "xx"}]}, dict[str, list[Pair]])

    assert [place for place, _ in raised.value.findings] == [
        "['pairs'][0].left",
        "['pairs'][0].right",
    ]


def test_what_is_nested_too_deeply_is_not_written() -> None:
    node = Node()
    for _ in range(DEEP):
        node = Node(below=[node])
    model = NodeModel.model_construct(n=0, below=[], called="")
    for _ in range(DEEP):
        model = NodeModel.model_construct(n=0, below=[model], called="")

    for value, hint in ((node, Node), (model, NodeModel)):
        with pytest.raises(Misfit, match="nested too deeply"):
            encoder(hint)(value)
        with pytest.raises(Misfit, match="nested too deeply"):
            encode(value)
        with pytest.raises(Misfit, match="nested too deeply"):
            encode_ordered({"value": value}, "sorted")
