"""Every type over HTTP: what fits comes back equal, what does not is refused with its place."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.contracts import Method, decoder, read_contract
from outgrow.gateway import Edge, Limits
from tests.gateway.conftest import Driver
from tests.gateway.museum.contract import Closed, Defaults, Everything, Guide, Museum

EVERYTHING: dict[str, Any] = {
    "truth": True,
    "count": 3,
    "rate": 0.5,
    "text": "abc",
    "data": "AP8=",
    "moment": "2030-01-31T12:00:00.123456Z",
    "day": "2030-01-31",
    "hour": "12:30:00.500000",
    "span": "PT5400S",
    "price": "1.50",
    "number": "123e4567-e89b-12d3-a456-426614174000",
    "colour": "blue",
    "floor": 1,
    "letter": "b",
    "digit": 2,
    "rows": [[1, 2], []],
    "pair": [7, "x"],
    "scores": [0.5, 1.0],
    "tags": ["a", "b"],
    "rooms": [1, 2],
    "by_number": {"-7": "x", "8": "y"},
    "by_day": {"2030-01-31": ["red"]},
    "by_colour": {"red": 1},
    "by_id": {"123e4567-e89b-12d3-a456-426614174000": 1},
    "work": {"type": "statue", "title": "t", "height": "2.0"},
    "payment": {"kind": "cash", "cents": 5},
    "visitor": {"name": "ada", "age": 36, "friends": [{"name": "bo", "age": 1, "friends": []}]},
    "guide": {"guideName": "cy", "languages": ["en"], "since": "2020-01-01"},
    "renamed": {"firstRoom": 1, "lastRoom": None},
    "page": {"items": [{"name": "di", "age": 30, "friends": []}], "next_page": None},
    "maybe": [1, None],
}


class Keeper:
    """Gives back what it is given."""

    def __init__(self) -> None:
        self.arguments: tuple[Any, ...] = ()
        self.reply: Any = ""
        self.error: Exception | None = None

    def bind(self, method: Method) -> Any:
        async def invoke(_: Any, *arguments: Any) -> Any:
            self.arguments = arguments
            if self.error is not None:
                raise self.error
            return arguments[0] if method.name == "keep" else self.reply

        return invoke


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
async def visit(keeper: Keeper) -> Driver:
    models = [read_contract(Museum)]
    return Driver(Edge("town", models, keeper.bind, SystemClock(), limits=Limits()))


async def test_everything_comes_back_equal(visit: Driver, keeper: Keeper) -> None:
    answer = await visit("POST", "/everything", {"everything": EVERYTHING})

    assert answer.status == 200, answer.body
    assert answer.json == EVERYTHING
    assert isinstance(keeper.arguments[0], Everything)
    assert isinstance(keeper.arguments[0].guide, Guide)
    assert keeper.arguments[1] == Defaults()


async def test_what_it_made_is_what_the_codec_makes(visit: Driver, keeper: Keeper) -> None:
    await visit("POST", "/everything", {"everything": EVERYTHING})

    assert keeper.arguments[0] == decoder(Everything)(msgspec.json.encode(EVERYTHING))


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"count": 2**63}, "count", "9223372036854775808 is no whole number of 64 bits"),
        ({"count": 2**70}, "count", f"{2**70} is no whole number of 64 bits"),
        ({"count": 11}, "count", "11 is not at most 10"),
        ({"count": True}, "count", "is true; a whole number is expected"),
        ({"count": 1.5}, "count", "is 1.5; a whole number is expected"),
        ({"rate": "1"}, "rate", 'is "1"; a finite number is expected'),
        ({"rate": -1}, "rate", "-1.0 is not at least 0"),
        ({"text": "A"}, "text", "'A' is not of the form '^[a-z]*$'"),
        ({"data": "?"}, "data", 'is "?"; bytes in base64 is expected'),
        (
            {"moment": "2030-01-31T12:00:00"},
            "moment",
            "2030-01-31T12:00:00 has no zone; write Z or an offset",
        ),
        ({"day": "31.1.2030"}, "day", 'is "31.1.2030"; a date such as 2030-01-31 is expected'),
        ({"hour": "12:00:00Z"}, "hour", "12:00:00+00:00 has a zone; a time of day has none"),
        ({"span": "1h"}, "span", 'is "1h"; a duration such as PT1H30M is expected'),
        ({"price": "NaN"}, "price", "NaN is no finite number"),
        ({"price": "x"}, "price", 'is "x"; a decimal number as text, such as "1.50" is expected'),
        ({"number": "7"}, "number", 'is "7"; an id such as 123e4567-e89b'),
        ({"colour": "green"}, "colour", 'is "green"; expected is one of red, blue'),
        ({"colour": 1}, "colour", "is 1; expected is one of red, blue"),
        ({"floor": 2}, "floor", "is 2; expected is one of 0, 1"),
        ({"floor": True}, "floor", "is true; expected is one of 0, 1"),
        ({"floor": "1"}, "floor", 'is "1"; expected is one of 0, 1'),
        ({"letter": "c"}, "letter", 'is "c"; expected is one of a, b'),
        ({"digit": 3}, "digit", "is 3; expected is one of 1, 2"),
        ({"rows": [[1], ["x"]]}, "rows[1][0]", 'is "x"; a whole number is expected'),
        ({"pair": [1]}, "pair", "is a list of 1; a list of 2 is expected"),
        ({"pair": [1, 2]}, "pair[1]", "is 2; text is expected"),
        ({"tags": ["a", "b", "a"]}, "tags[2]", 'is "a" again; each stands once'),
        ({"rooms": [1, 2, 3, 4]}, "rooms", "[1, 2, 3, 4] is not at most 3 long"),
        ({"by_number": {"x": "y"}}, "by_number['x']", 'has the key "x"; a whole number'),
        ({"by_day": {"soon": []}}, "by_day['soon']", 'has the key "soon"; a date such as'),
        ({"by_colour": {"green": 1}}, "by_colour['green']", "one of red, blue is expected"),
        ({"by_id": {"7": 1}}, "by_id['7']", 'has the key "7"; an id such as'),
        ({"work": {"title": "t"}}, "work.type", "is missing; it is one of painting, statue"),
        (
            {"work": {"type": "x", "title": "t"}},
            "work.type",
            'is "x"; expected is one of painting, statue',
        ),
        ({"work": {"type": "painting", "title": ""}}, "work.title", "'' is not at least 1 long"),
        (
            {"work": {"type": "painting", "title": "x", "height": "1"}},
            "work.height",
            "is unknown; known are colour, title, type",
        ),
        ({"work": []}, "work", "is a list; an object is expected"),
        ({"payment": {"kind": "card"}}, "payment.number", "is missing"),
        (
            {"payment": {"kind": "cash", "cents": "5"}},
            "payment.cents",
            'is "5"; a whole number is expected',
        ),
        ({"visitor": {"name": "nobody"}}, "visitor", "nobody is no visitor"),
        (
            {"visitor": {"name": "a", "friends": [{"name": "nobody"}]}},
            "visitor.friends[0]",
            "nobody is no visitor",
        ),
        ({"visitor": {"name": "a", "age": 151}}, "visitor.age", "151 is not at most 150"),
        (
            {"guide": {"guideName": "cy", "languages": ["la"]}},
            "guide.languages",
            "Value error, nobody speaks Latin",
        ),
        (
            {"guide": {"guideName": "Sir Cy"}},
            "guide.guideName",
            "Value error, a guide has no title",
        ),
        ({"guide": {"guide_name": "cy"}}, "guide.guide_name", 'did you mean "guideName"?'),
        ({"guide": {"guideName": "c" * 21}}, "guide.guideName", "is not at most 20 long"),
        ({"renamed": {"first_room": 1}}, "renamed.firstRoom", "is missing"),
        (
            {"page": {"items": [{"name": "a", "nmae": "b"}]}},
            "page.items[0].nmae",
            'is unknown; did you mean "name"?',
        ),
        ({"maybe": ["x"]}, "maybe[0]", 'is "x"; a whole number is expected'),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value)[:40],
)
async def test_what_does_not_fit_is_refused_with_its_place(
    visit: Driver, change: dict[str, Any], place: str, message: str
) -> None:
    answer = await visit("POST", "/everything", {"everything": EVERYTHING | change})

    assert answer.status == 400, answer.body
    assert message in answer.findings[f"body.everything.{place}"], answer.findings


async def test_a_number_of_many_digits_is_refused_in_short(visit: Driver) -> None:
    body = b'{"count": ' + b"9" * 400 + b"}"
    answer = await visit("POST", "/loose", body=body, content_type="application/json")

    assert answer.status == 400
    assert len(answer.findings["body.count"]) < 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"count": 1, "count": 2}', "key 'count' stands twice in one object"),
        (
            b'{"visitor": {"name": "a", "name": "b"}}',
            "key 'name' stands twice in one object",
        ),
        (b'{"by_number": {"1": "a", "\\u0031": "b"}}', "key '1' stands twice in one object"),
    ],
)
async def test_a_key_that_stands_twice_is_named(visit: Driver, body: bytes, message: str) -> None:
    answer = await visit("POST", "/loose", body=body, content_type="application/json")

    assert answer.status == 400
    assert message in answer.findings["body"]


async def test_two_keys_that_mean_the_same_are_refused(visit: Driver) -> None:
    id_ = "123e4567-e89b-12d3-a456-42661417400a"
    change = {"by_id": {id_: 1, id_.upper(): 2}}
    answer = await visit("POST", "/everything", {"everything": EVERYTHING | change})

    assert answer.status == 400
    assert "mean the same" in answer.findings["body.everything.by_id"]


async def test_all_findings_of_a_body_come_at_once(visit: Driver) -> None:
    change = {
        "count": 2**63,
        "moment": "2030-01-31T12:00:00",
        "guide": {"guideName": "cy", "languages": ["la"]},
        "visitor": {"name": "nobody"},
    }
    answer = await visit("POST", "/everything", {"everything": EVERYTHING | change, "extra": 1})

    assert set(answer.findings) == {
        "body.extra",
        "body.everything.count",
        "body.everything.moment",
        "body.everything.guide.languages",
        "body.everything.visitor",
    }


async def test_defaults_of_every_kind_are_given(visit: Driver, keeper: Keeper) -> None:
    answer = await visit("POST", "/loose", {})

    assert answer.status == 200
    assert keeper.arguments[6] == (1, "x")
    assert keeper.arguments[0] is None


ROOM = "/rooms/123e4567-e89b-12d3-a456-426614174000/2030-01-31/blue/1/2"


async def test_a_url_becomes_values_of_every_kind(visit: Driver, keeper: Keeper) -> None:
    query = (
        "price=1.50&moment=2030-01-31T12:00:00Z&span=PT5S&hour=12:30:00&letter=b&count=7"
        "&rate=0.5&data=AP8=&truth=true"
    )
    answer = await visit("GET", f"{ROOM}?{query}")

    assert answer.status == 200, answer.body
    assert [type(one).__name__ for one in keeper.arguments] == [
        "UUID",
        "date",
        "Colour",
        "Floor",
        "int",
        "Decimal",
        "datetime",
        "timedelta",
        "time",
        "str",
        "int",
        "float",
        "bytes",
        "bool",
    ]
    assert str(keeper.arguments[5]) == "1.50"


async def test_a_url_without_its_query_has_the_defaults(visit: Driver, keeper: Keeper) -> None:
    await visit("GET", ROOM)

    assert keeper.arguments[6:] == (None, None, None, "a", 0, None, b"", False)


@pytest.mark.parametrize(
    ("target", "place", "message"),
    [
        (ROOM.replace("123e4567", "x"), "path.number", "an id such as"),
        (ROOM.replace("2030-01-31", "2030-13-01"), "path.day", 'is "2030-13-01"; a date such as'),
        (ROOM.replace("blue", "green"), "path.colour", "expected is one of red, blue"),
        (ROOM.replace("/1/2", "/7/2"), "path.floor", 'is "7"; expected is one of 0, 1'),
        (ROOM.replace("/1/2", "/1/3"), "path.digit", 'is "3"; expected is one of 1, 2'),
        (f"{ROOM}?price=Infinity", "query.price", "Infinity is no finite number"),
        (f"{ROOM}?moment=2030-01-31T12:00:00", "query.moment", "has no zone; write Z"),
        (f"{ROOM}?moment=1234567890", "query.moment", "a time such as"),
        (f"{ROOM}?span=12", "query.span", "a duration such as"),
        (f"{ROOM}?hour=12:00:00Z", "query.hour", "has a zone"),
        (f"{ROOM}?letter=c", "query.letter", "expected is one of a, b"),
        (f"{ROOM}?count={2**63}", "query.count", "is no whole number of 64 bits"),
        (f"{ROOM}?count=-1", "query.count", "-1 is not at least 0"),
        (f"{ROOM}?rate=inf", "query.rate", "a finite number is expected"),
        (f"{ROOM}?rate=null", "query.rate", "a finite number is expected"),
        (f"{ROOM}?data=%3F", "query.data", "bytes in base64 is expected"),
    ],
)
async def test_a_url_that_does_not_fit_is_refused(
    visit: Driver, target: str, place: str, message: str
) -> None:
    answer = await visit("GET", target)

    assert answer.status == 400, answer.body
    assert message in answer.findings[place]


async def test_replies_of_every_kind_become_json(visit: Driver, keeper: Keeper) -> None:
    keeper.reply = Defaults()

    assert (await visit("GET", "/defaults")).json == {
        "floor": 0,
        "price": "0.10",
        "span": "PT300S",
        "day": "2030-01-31",
        "tags": ["a", "b"],
        "pair": [1, "x"],
        "visitor": {"name": "ada", "age": 30, "friends": []},
        "guide": {"guideName": "bo", "languages": [], "since": None},
    }


async def test_problems_carry_fields_of_every_kind(visit: Driver, keeper: Keeper) -> None:
    moment = datetime(2030, 1, 31, tzinfo=UTC)
    keeper.error = Closed(until=moment, rooms={2, 1}, fee=Decimal("1.50"))
    answer = await visit("POST", "/closed")

    assert answer.status == 409
    assert answer.json["until"] == "2030-01-31T00:00:00Z"
    assert sorted(answer.json["rooms"]) == [1, 2]
    assert answer.json["fee"] == "1.50"


async def test_a_reply_that_is_no_json_is_a_failure_and_says_that_it_ran(
    visit: Driver, keeper: Keeper
) -> None:
    keeper.reply = Defaults(price=Decimal("NaN"))
    answer = await visit("GET", "/defaults")

    assert answer.status == 500
    assert answer.json["may_have_run"] is True


@pytest.mark.parametrize("depth", [300, 3000])
async def test_nesting_without_end_is_refused(visit: Driver, depth: int) -> None:
    opening = b'{"visitor":{"name":"a","friends":[' + b'{"name":"a","friends":[' * depth
    body = opening + b'{"name":7}' + b"]}" * depth + b"]}}"
    answer = await visit("POST", "/loose", body=body, content_type="application/json")

    assert answer.status == 400
    assert answer.findings
