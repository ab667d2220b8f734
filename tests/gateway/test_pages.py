from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from outgrow.clock import SystemClock
from outgrow.context import Caller
from outgrow.gateway import Edge
from tests.gateway.conftest import Driver, Kitchen, make_edge


@pytest.fixture
async def document(ask: Driver) -> Any:
    return (await ask("GET", "/openapi.json")).json


def test_the_description_is_valid_openapi(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document, cls=OpenAPIV31SpecValidator)


async def test_the_description_of_nothing_is_valid(kitchen: Kitchen) -> None:
    edge = Edge("empty", [], kitchen.bind, SystemClock())

    validate((await Driver(edge)("GET", "/openapi.json")).json, cls=OpenAPIV31SpecValidator)


def test_the_description_tells_parameters_bodies_replies_and_problems(document: Any) -> None:
    place = document["paths"]["/orders"]["post"]
    body = place["requestBody"]["content"]["application/json"]["schema"]
    price = document["paths"]["/prices"]["get"]["parameters"]

    assert place["summary"] == "Place an order."
    assert place["description"] == "It is baked at once."
    assert place["operationId"] == "bakery.place_order"
    assert body["required"] == ["user_id", "lines"]
    assert body["additionalProperties"] is False
    assert body["properties"]["size"] == {
        "type": "string",
        "enum": ["small", "large"],
        "default": "small",
    }
    assert "`bakery.OutOfStock`" in place["responses"]["409"]["description"]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in place["parameters"]
    assert price[0] == {
        "name": "cents",
        "in": "query",
        "required": True,
        "schema": {"type": "integer", "format": "int64", "minimum": 1},
    }
    assert "204" in document["paths"]["/orders/{order_id}/cancel"]["post"]["responses"]
    assert document["paths"]["/orders/{order_id}"]["delete"]["x-permission"] == "orders:write"
    assert document["components"]["schemas"]["bakery.Box"]["description"] == "Boxes come in boxes."
    assert "/hidden" not in document["paths"]


@pytest.mark.parametrize(
    ("verb", "target", "json", "path", "status"),
    [
        ("POST", "/orders", {"user_id": "a", "lines": []}, "/orders", 200),
        (
            "POST",
            "/orders",
            {"user_id": "a", "lines": [{"sku": "gone", "quantity": 1}]},
            "/orders",
            409,
        ),
        ("POST", "/orders", {}, "/orders", 400),
        ("GET", "/orders/none", None, "/orders/{order_id}", 404),
        ("GET", "/orders/latest", None, "/orders/latest", 200),
        ("DELETE", "/orders/1", None, "/orders/{order_id}", 403),
    ],
)
async def test_answers_are_as_described(
    ask: Driver, document: Any, *, verb: str, target: str, json: Any, path: str, status: int
) -> None:
    answer = await ask(verb, target, json)
    response = document["paths"][path][verb.lower()]["responses"][str(status)]
    ((content_type, content),) = response["content"].items()

    assert answer.status == status
    assert answer.headers["content-type"] == content_type
    schema = {**content["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json)


async def test_the_docs_page_reaches_nothing_but_this_server(ask: Driver) -> None:
    page = await ask("GET", "/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"http" not in page.body
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"):
        asset = await ask("GET", f"/docs/{name}")
        assert asset.status == 200
        assert asset.body
        assert asset.headers["x-content-type-options"] == "nosniff"
        if name != "favicon-32x32.png":
            assert b"charset=utf-8" in asset.headers["content-type"].encode()


async def test_there_is_no_way_from_the_assets_to_other_files(ask: Driver) -> None:
    for path in ("/docs/../edge.py", "/docs/%2e%2e%2fedge.py", "/docs/index.html"):
        assert (await ask("GET", path)).status == 404


async def test_the_type_of_a_problem_is_the_address_of_its_explanation(ask: Driver) -> None:
    problem = await ask("GET", "/orders/none")
    ours = await ask("GET", "/prices")

    assert b"There is no order {order_id}." in (await ask("GET", problem.json["type"])).body
    assert b"Arguments refused (400)" in (await ask("GET", ours.json["type"])).body
    assert (await ask("GET", "/problems/nonsense")).status == 404


class Waiting:
    """An application that waits for something."""

    has_started = False
    names = ("application", "orders", "stock")

    def __init__(self, **reasons: str) -> None:
        self.reasons = reasons

    def waiting(self) -> dict[str, str]:
        return self.reasons


async def test_health_says_what_is_not_ready(kitchen: Kitchen) -> None:
    waiting = Waiting(stock="its store is away")
    ask = Driver(make_edge(kitchen, health=waiting))

    not_ready = await ask("GET", "/health/ready")
    live = await ask("GET", "/health/live")
    waiting.reasons.clear()
    ready = await ask("GET", "/health/ready")

    assert (live.status, live.json) == (200, {"status": "live"})
    assert (not_ready.status, ready.status) == (503, 200)
    assert not_ready.json["not_ready"] == {"stock": "its store is away"}
    assert not_ready.json["detail"] == "Not ready yet: stock."
    assert ready.json == {"status": "ready"}


async def test_health_says_of_one_service_whether_it_is_ready(kitchen: Kitchen) -> None:
    waiting = Waiting(stock="its store is away")
    ask = Driver(make_edge(kitchen, health=waiting))

    assert (await ask("GET", "/health/ready/orders")).status == 200
    assert (await ask("GET", "/health/ready/application")).status == 200
    assert (await ask("GET", "/health/ready/stock")).json["not_ready"] == waiting.reasons
    unknown = await ask("GET", "/health/ready/nothing")
    assert unknown.status == 404
    assert "application, orders, stock" in unknown.json["detail"]

    waiting.reasons["application"] = "it is stopping"
    assert (await ask("GET", "/health/ready/orders")).json["not_ready"] == {
        "application": "it is stopping"
    }


async def test_health_says_whether_it_has_started(kitchen: Kitchen) -> None:
    waiting = Waiting(application="it is starting")
    ask = Driver(make_edge(kitchen, health=waiting))

    starting = await ask("GET", "/health/startup")
    waiting.has_started = True
    started = await ask("GET", "/health/startup")

    assert (starting.status, started.status) == (503, 200)
    assert starting.json["not_ready"] == {"application": "it is starting"}
    assert started.json == {"status": "started"}


async def test_pages_are_there_for_everyone(kitchen: Kitchen) -> None:
    def nobody(headers: Any) -> Caller:
        raise AssertionError

    ask = Driver(make_edge(kitchen, authenticate=nobody))

    assert (await ask("GET", "/health/live")).status == 200
    assert (await ask("GET", "/openapi.json")).status == 200
