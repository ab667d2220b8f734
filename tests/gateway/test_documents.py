"""The documents that describe a contract with everything in it: OpenAPI and AsyncAPI."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from outgrow.contracts import read_contract
from outgrow.gateway import asyncapi_document, openapi_document
from outgrow.gateway.asyncapi.document import ENVELOPE, PARTITIONS
from outgrow.journal.nats.wire import Wire
from outgrow.journal.schema import PARTITIONS as PARTITIONS_OF_JOURNAL
from tests.gateway.bakery.contract import Bakery
from tests.gateway.belt.contract import Belt
from tests.gateway.museum.contract import Museum

MODELS = [read_contract(Museum), read_contract(Bakery), read_contract(Belt)]
ASYNCAPI = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text())


@pytest.fixture(scope="module")
def openapi() -> Any:
    return openapi_document("town", MODELS)


@pytest.fixture(scope="module")
def asyncapi() -> Any:
    listeners = {"museum.Opened": ["mail.tell", "audit.note"]}
    return asyncapi_document("town", [read_contract(Museum), read_contract(Bakery)], listeners)


def test_openapi_of_everything_is_valid(openapi: Any) -> None:
    validate(openapi, cls=OpenAPIV31SpecValidator)


def test_asyncapi_of_everything_is_valid(asyncapi: Any) -> None:
    jsonschema.Draft7Validator(ASYNCAPI).validate(asyncapi)


def test_the_official_schema_refuses_what_is_wrong(asyncapi: Any) -> None:
    wrong = {**asyncapi, "operations": {"x": {"action": "shout", "channel": {"$ref": "#/y"}}}}

    with pytest.raises(jsonschema.ValidationError, match="shout"):
        jsonschema.Draft7Validator(ASYNCAPI).validate(wrong)


def test_all_references_lead_somewhere(openapi: Any, asyncapi: Any) -> None:
    for document in (openapi, asyncapi):
        references = list(_references(document))
        assert len(references) > 10
        for reference in references:
            place = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "$ref":
                yield part
            elif name == "mapping":
                yield from part.values()
            else:
                yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def test_documents_are_the_same_each_time(openapi: Any, asyncapi: Any) -> None:
    models = MODELS[:2]
    listeners = {"museum.Opened": ["audit.note", "mail.tell"]}

    assert json.dumps(openapi_document("town", MODELS)) == json.dumps(openapi)
    assert json.dumps(asyncapi_document("town", models, listeners)) == json.dumps(asyncapi)


def test_streams_are_told_with_their_items(openapi: Any) -> None:
    watch = openapi["paths"]["/parts/{count}"]["get"]["responses"]["200"]["content"]
    assert list(watch) == ["application/x-ndjson", "text/event-stream"]
    for content in watch.values():
        assert content["x-itemSchema"] == {"$ref": "#/components/schemas/belt.Part"}
        assert content["schema"]["type"] == "string"

    put = openapi["paths"]["/parts/{place}"]["post"]
    assert [(p["name"], p["in"]) for p in put["parameters"] if "name" in p] == [
        ("place", "path"),
        ("note", "query"),
    ]
    (body,) = put["requestBody"]["content"].items()
    assert body[0] == "application/x-ndjson"
    assert body[1]["x-itemSchema"] == {"$ref": "#/components/schemas/belt.Part"}
    assert {"400", "413", "415"} <= put["responses"].keys()


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("count", {"type": "integer", "format": "int64", "minimum": 1, "maximum": 10}),
        ("rate", {"type": "number", "format": "double", "minimum": 0.0}),
        ("text", {"type": "string", "pattern": "^[a-z]*$"}),
        ("data", {"type": "string", "contentEncoding": "base64"}),
        ("moment", {"type": "string", "format": "date-time"}),
        ("day", {"type": "string", "format": "date"}),
        ("hour", {"type": "string", "format": "time-local"}),
        ("span", {"type": "string", "format": "duration"}),
        ("number", {"type": "string", "format": "uuid"}),
        ("colour", {"type": "string", "enum": ["red", "blue"]}),
        ("floor", {"type": "integer", "enum": [0, 1]}),
        ("letter", {"type": "string", "enum": ["a", "b"]}),
        ("digit", {"type": "integer", "enum": [1, 2]}),
        (
            "pair",
            {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [{"type": "integer", "format": "int64"}, {"type": "string"}],
                "items": False,
            },
        ),
        ("tags", {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (
            "rooms",
            {
                "type": "array",
                "items": {"type": "integer", "format": "int64"},
                "uniqueItems": True,
                "maxItems": 3,
            },
        ),
        (
            "by_number",
            {
                "type": "object",
                "propertyNames": {"pattern": "^(0|-?[1-9][0-9]*)$"},
                "additionalProperties": {"type": "string"},
            },
        ),
        (
            "by_colour",
            {
                "type": "object",
                "propertyNames": {"type": "string", "enum": ["red", "blue"]},
                "additionalProperties": {"type": "integer", "format": "int64"},
            },
        ),
        (
            "work",
            {
                "oneOf": [
                    {"$ref": "#/components/schemas/museum.Painting"},
                    {"$ref": "#/components/schemas/museum.Statue"},
                ],
                "discriminator": {
                    "propertyName": "type",
                    "mapping": {
                        "painting": "#/components/schemas/museum.Painting",
                        "statue": "#/components/schemas/museum.Statue",
                    },
                },
            },
        ),
        ("guide", {"$ref": "#/components/schemas/museum.Guide"}),
        ("page", {"$ref": "#/components/schemas/museum.PageVisitor"}),
    ],
)
def test_each_type_has_its_schema(openapi: Any, field: str, schema: Any) -> None:
    everything = openapi["components"]["schemas"]["museum.Everything"]

    assert everything["properties"][field] == schema
    assert field in everything["required"]


def test_members_of_a_union_must_give_their_tag(openapi: Any) -> None:
    schemas = openapi["components"]["schemas"]

    assert schemas["museum.Painting"]["required"] == ["type", "title"]
    assert schemas["museum.Painting"]["properties"]["type"] == {
        "type": "string",
        "const": "painting",
    }
    assert schemas["museum.ByCard"]["required"] == ["number", "kind"]
    assert schemas["museum.ByCard"]["properties"]["kind"]["const"] == "card"


def test_records_speak_by_their_names_in_json(openapi: Any) -> None:
    schemas = openapi["components"]["schemas"]

    assert list(schemas["museum.Guide"]["properties"]) == ["guideName", "languages", "since"]
    assert schemas["museum.Renamed"]["required"] == ["firstRoom"]


def test_a_record_says_only_what_its_author_wrote(openapi: Any) -> None:
    schemas = openapi["components"]["schemas"]

    assert schemas["museum.Guide"]["description"] == "Knows the way."
    assert "description" not in schemas["museum.Visitor"]


def test_an_event_has_a_channel_a_message_and_who_sends_and_hears_it(asyncapi: Any) -> None:
    channel = asyncapi["channels"]["museum.Opened"]
    message = asyncapi["components"]["messages"]["museum.Opened"]

    assert channel["address"] == "town.{environment}.museum.{partition}.Opened"
    assert channel["parameters"]["partition"]["enum"] == [str(n) for n in range(32)]
    assert message["summary"] == "A floor was opened."
    assert message["x-key"] == "floor"
    assert message["x-schema"] == 1
    assert message["payload"]["allOf"][1]["properties"]["type"] == {"const": "museum.Opened"}
    assert {name: found["action"] for name, found in asyncapi["operations"].items()} == {
        "museum.send.Moved": "send",
        "museum.send.Opened": "send",
        "audit.note.receive.museum.Opened": "receive",
        "mail.tell.receive.museum.Opened": "receive",
    }


def test_an_event_tells_its_past(asyncapi: Any) -> None:
    message = asyncapi["components"]["messages"]["museum.Moved"]

    assert message["x-key"] is None
    assert message["x-schema"] == 2
    assert message["x-aliases"] == ["museum.Carried"]
    assert message["x-upcasts"] == [1]
    assert message["description"] == "Nobody need know."


def test_asyncapi_speaks_draft_7(asyncapi: Any) -> None:
    fields = asyncapi["components"]["schemas"]["museum.Opened"]["properties"]

    assert fields["pair"]["items"][1] == {"type": "string"}
    assert fields["pair"]["additionalItems"] is False
    assert fields["work"]["discriminator"] == "type"
    assert fields["painting"]["allOf"] == [{"$ref": "#/components/schemas/museum.Painting"}]


def test_the_envelope_is_that_of_the_wire(asyncapi: Any) -> None:
    envelope = asyncapi["components"]["schemas"][ENVELOPE]

    assert tuple(envelope["properties"]) == Wire.__struct_fields__
    assert PARTITIONS == PARTITIONS_OF_JOURNAL


def test_an_application_without_events_has_a_valid_document() -> None:
    jsonschema.Draft7Validator(ASYNCAPI).validate(
        asyncapi_document("town", [read_contract(Bakery)])
    )


def test_the_documents_of_the_shop_are_valid() -> None:
    frozen = Path(__file__).parents[2] / "examples" / "shop" / "contracts"
    openapi = json.loads((frozen / "openapi.json").read_text())
    asyncapi = json.loads((frozen / "asyncapi.json").read_text())

    assert openapi["paths"]
    assert asyncapi["channels"]
    validate(openapi, cls=OpenAPIV31SpecValidator)
    jsonschema.Draft7Validator(ASYNCAPI).validate(asyncapi)
