import pytest

from outgrow.clock import SystemClock
from outgrow.contracts import Contract, Problem, query, read_contract
from outgrow.errors import InvalidContract
from outgrow.gateway import Edge
from tests.gateway.conftest import Driver, Kitchen, make_edge


async def test_a_written_segment_goes_before_a_parameter(ask: Driver) -> None:
    answer = await ask("GET", "/orders/latest")

    assert (answer.status, answer.json) == (200, None)


async def test_a_verb_that_only_the_parameter_takes_reaches_it(ask: Driver) -> None:
    answer = await ask("DELETE", "/orders/latest", x_test_permissions="orders:write")

    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("path", "order_id"),
    [
        ("/orders/7", "7"),
        ("/orders/a%2Fb", "a/b"),
        ("/orders/%C3%A9t%C3%A9", "été"),
        ("/orders/a+b", "a+b"),
        ("/orders/a%20b", "a b"),
        ("/orders/%252F", "%2F"),
        ("/%6Frders/7", "7"),
        ("/orders/..", ".."),
        ("/orders/%F0%9F%A5%90", "🥐"),
        ("/orders/a;b=c", "a;b=c"),
    ],
)
async def test_segments_are_decoded_one_by_one(ask: Driver, path: str, order_id: str) -> None:
    assert (await ask("GET", path)).json["order_id"] == order_id


@pytest.mark.parametrize("path", ["/orders/%ff", "/orders/%C3", "/%ff"])
async def test_a_path_that_is_not_utf8_is_refused(ask: Driver, path: str) -> None:
    assert (await ask("GET", path)).status == 400


@pytest.mark.parametrize(
    "path", ["/orders/", "//orders", "/orders//", "/orders//notes/1", "/", "", "/orders/7/", "*"]
)
async def test_paths_are_not_corrected(ask: Driver, path: str) -> None:
    assert (await ask("GET", path)).status == 404


async def test_an_unknown_route_names_the_nearest(ask: Driver) -> None:
    answer = await ask("GET", "/order/7")

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["nearest"][0] == "/orders/{order_id}"
    assert "Nothing is found at /order/7. Nearest: /orders/" in answer.json["detail"]


async def test_an_unknown_route_unlike_any_other_names_none(ask: Driver) -> None:
    answer = await ask("GET", "/" + "z" * 5000)

    assert answer.json["nearest"] == []
    assert len(answer.json["detail"]) < 200


async def test_a_method_without_http_cannot_be_reached(ask: Driver) -> None:
    assert (await ask("POST", "/hidden")).status == 404


async def test_a_wrong_verb_names_the_right_ones(ask: Driver) -> None:
    answer = await ask("PATCH", "/orders/7")

    assert answer.status == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert answer.json["allowed"] == ["DELETE", "GET", "HEAD", "OPTIONS"]


async def test_options_tells_the_verbs(ask: Driver) -> None:
    answer = await ask("OPTIONS", "/orders")

    assert (answer.status, answer.headers["allow"]) == (204, "OPTIONS, POST")
    assert (await ask("OPTIONS", "/nowhere")).status == 404


async def test_head_is_get_without_the_body(ask: Driver) -> None:
    got, head = await ask("GET", "/orders/7"), await ask("HEAD", "/orders/7")

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert (await ask("HEAD", "/orders/none")).status == 404


async def test_an_edge_can_be_mounted_below_a_path(ask: Driver) -> None:
    answer = await ask("GET", "/api/orders/a%2Fb", root_path="/api")

    assert answer.json["order_id"] == "a/b"
    assert (await ask("GET", "/apiorders/7", root_path="/api")).status == 404


async def test_contracts_that_bind_the_same_path_are_a_finding(kitchen: Kitchen) -> None:
    class First(Contract):
        @query("GET /things/{thing_id}")
        async def one(self, thing_id: str) -> str: ...

    class Second(Contract):
        @query("GET /things/{name}")
        async def two(self, name: str) -> str: ...

        @query("GET /openapi.json")
        async def three(self) -> str: ...

    models = [read_contract(First), read_contract(Second)]
    with pytest.raises(InvalidContract) as caught:
        Edge("x", models, lambda method: kitchen.hidden, SystemClock())

    assert [finding.slug for finding in caught.value.findings] == ["http-binding-taken"] * 2
    text = str(caught.value)
    assert "two and test_routes.one" in text
    assert "three and outgrow are both bound to GET /openapi.json" in text


async def test_a_problem_whose_field_http_needs_is_a_finding(kitchen: Kitchen) -> None:
    class Odd(Problem):
        """Odd."""

        type: str

    class Third(Contract):
        @query("GET /odd", raises=[Odd])
        async def odd(self) -> str: ...

    with pytest.raises(InvalidContract, match="has a field 'type'"):
        Edge("x", [read_contract(Third)], lambda method: kitchen.hidden, SystemClock())


async def test_two_edges_live_side_by_side(kitchen: Kitchen) -> None:
    first, second = Driver(make_edge(kitchen)), Driver(make_edge(kitchen))

    assert (await first("GET", "/orders/1")).json["order_id"] == "1"
    assert (await second("GET", "/orders/2")).json["order_id"] == "2"
