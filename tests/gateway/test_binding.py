from typing import Any

import pytest

from outgrow.contracts import read_contract
from outgrow.gateway.binding import Binder
from tests.gateway.bakery.contract import Bakery
from tests.gateway.conftest import Driver

LINE = {"sku": "bun", "quantity": 2}


async def test_a_body_becomes_records_and_the_reply_json(ask: Driver) -> None:
    answer = await ask("POST", "/orders", {"user_id": "ada", "lines": [LINE], "size": "large"})

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.json == {
        "order_id": "ada-large",
        "lines": [{**LINE, "toppings": [], "note": None}],
        "due": None,
    }


async def test_path_and_body_meet_in_the_order_of_the_signature(ask: Driver) -> None:
    answer = await ask("PUT", "/orders/o1/notes/7", {"text": "hi", "loud": True})

    assert answer.json == "hi o1 7 True"


async def test_a_method_without_a_body_takes_none_or_an_empty_object(ask: Driver) -> None:
    assert (await ask("POST", "/orders/o1/cancel")).status == 204
    assert (await ask("POST", "/orders/o1/cancel", {})).status == 204
    refused = await ask("POST", "/orders/o1/cancel", {"order_id": "o2"})

    assert refused.status == 400
    assert "body.order_id" in refused.findings


async def test_a_query_string_becomes_numbers_choices_and_truths(ask: Driver) -> None:
    answer = await ask("GET", "/prices?cents=7&rate=0.5&size=large&is_gift=true&name=a+b%26%C3%A9")

    assert answer.json == "(7, 0.5, <Size.LARGE: 'large'>, True, 'a b&é')"


async def test_what_a_query_string_leaves_out_has_its_default(ask: Driver) -> None:
    assert (await ask("GET", "/prices?cents=7")).json == "(7, 1.0, None, False, None)"


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("cents=x", "query.cents", 'is "x"; a whole number is expected'),
        ("cents=1.5", "query.cents", 'is "1.5"; a whole number is expected'),
        ("cents=0", "query.cents", "0 is not at least 1"),
        ("cents=", "query.cents", 'is ""; a whole number is expected'),
        ("", "query.cents", "is missing"),
        ("cents=1&cents=2", "query.cents", "is given 2 times; give it once"),
        ("cents=1&rate=nan", "query.rate", 'is "nan"; a finite number is expected'),
        ("cents=1&rate=1e999", "query.rate", 'is "1e999"; a finite number is expected'),
        ("cents=1&size=huge", "query.size", 'is "huge"; expected is one of small, large'),
        ("cents=1&is_gift=maybe", "query.is_gift", 'is "maybe"; true or false is expected'),
        ("cents=1&sise=small", "query.sise", 'is unknown; did you mean "size"?'),
        ("cents=1&name=%ff", "query", "is not percent-encoded UTF-8"),
    ],
)
async def test_a_query_string_that_does_not_fit_is_refused(
    ask: Driver, query: str, place: str, message: str
) -> None:
    answer = await ask("GET", f"/prices?{query}")

    assert answer.status == 400
    assert answer.findings[place] == message


async def test_a_flood_of_query_parameters_is_refused(ask: Driver) -> None:
    answer = await ask("GET", "/prices?" + "&".join(f"p{n}=1" for n in range(200)))

    assert answer.findings == {"query": "has more than 100 parameters"}


async def test_a_body_method_reads_no_query_string(ask: Driver) -> None:
    answer = await ask("POST", "/orders/o1/cancel?why=not")

    assert answer.status == 400
    assert "query" in answer.findings


async def test_a_wrong_type_deep_in_a_list_is_found_with_its_index(ask: Driver) -> None:
    lines = [LINE] * 3 + [{**LINE, "toppings": [{"name": "salt"}, {"name": 5}]}]
    answer = await ask("POST", "/orders", {"user_id": "ada", "lines": lines})

    assert answer.status == 400
    assert answer.findings == {"body.lines[3].toppings[1].name": "is 5; text is expected"}


async def test_all_findings_come_at_once(ask: Driver) -> None:
    lines: list[Any] = [{"sku": 7, "quantity": 0, "colour": "red"}, "bun", {**LINE, "note": 1}]
    answer = await ask("POST", "/orders", {"lines": lines, "size": "huge", "due": "soon"})

    assert answer.json["detail"] == "8 arguments do not fit."
    assert answer.findings == {
        "body.user_id": "is missing",
        "body.lines[0].sku": "is 7; text is expected",
        "body.lines[0].quantity": "0 is not at least 1",
        "body.lines[0].colour": "is unknown; known are note, quantity, sku, toppings",
        "body.lines[1]": 'is "bun"; an object is expected',
        "body.lines[2].note": "is 1; text is expected",
        "body.size": 'is "huge"; expected is one of small, large',
        "body.due": 'is "soon"; a time such as 2030-01-31T12:00:00Z is expected',
    }


@pytest.mark.parametrize(
    ("boxes", "place"),
    [
        ({"a": {"label": "x", "lable": "y"}}, "body.boxes['a'].lable"),
        (
            {"a": {"label": "x", "inside": [{"label": "y", "inside": [{"label": "z", "q": 1}]}]}},
            "body.boxes['a'].inside[0].inside[0].q",
        ),
    ],
)
async def test_an_unknown_field_is_found_at_every_depth(
    ask: Driver, boxes: Any, place: str
) -> None:
    answer = await ask("POST", "/boxes", {"boxes": boxes})

    assert answer.status == 400
    assert list(answer.findings) == [place]


async def test_known_fields_at_every_depth_pass(ask: Driver) -> None:
    box = {"label": "x", "inside": [{"label": "y", "inside": [{"label": "z"}]}, {"label": "w"}]}

    assert (await ask("POST", "/boxes", {"boxes": {"a": box, "b": box}})).json == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"{} {}",
        b'{"user_id": NaN}',
        b"\xff\xfe",
        b'{"user_id": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"user_id": 1e999}',
    ],
)
async def test_a_body_that_is_no_json_is_refused(ask: Driver, body: bytes) -> None:
    answer = await ask("POST", "/orders", body=body, content_type="application/json")

    assert answer.status == 400
    assert answer.findings["body"].startswith("is no JSON: ")


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"boxes":{"a":{"label":"x","inside":['])
async def test_a_body_nested_without_end_is_refused(ask: Driver, opening: bytes) -> None:
    ask.edge._limits = ask.edge._limits.__class__()
    answer = await ask("POST", "/boxes", body=opening * 10_000, content_type="application/json")

    assert answer.status == 400
    assert "body" in answer.findings


@pytest.mark.parametrize(("body", "shown"), [(b"[]", "a list"), (b"7", "7"), (b"null", "null")])
async def test_a_body_that_is_no_object_is_refused(ask: Driver, body: bytes, shown: str) -> None:
    answer = await ask("POST", "/orders", body=body, content_type="application/json")

    assert answer.findings == {"body": f"is {shown}; an object is expected"}


async def test_an_empty_body_lacks_what_is_required(ask: Driver) -> None:
    assert set((await ask("POST", "/orders")).findings) == {"body.user_id", "body.lines"}


async def test_findings_are_limited(ask: Driver) -> None:
    ask.edge._limits = ask.edge._limits.__class__()
    body = {"user_id": "ada", "lines": [{}] * 10_000}

    assert len((await ask("POST", "/orders", body)).json["findings"]) == 100


async def test_a_default_that_is_a_list_is_not_shared() -> None:
    model = read_contract(Bakery)
    binder = Binder(model.methods["place_order"], 100)
    body = b'{"user_id":"ada","lines":[{"sku":"bun","quantity":1}]}'
    first = binder.bind((), b"", body)
    first[1][0].toppings.append("salt")

    assert binder.bind((), b"", body)[1][0].toppings == []
