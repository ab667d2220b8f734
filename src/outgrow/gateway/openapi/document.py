"""The description of the interface: OpenAPI 3.1, made from the contracts."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from outgrow.contracts import (
    STATUSES,
    ContractModel,
    Maybe,
    Method,
    Nothing,
    Parameter,
    Problem,
    problem_schema_fields,
    problem_type,
)
from outgrow.gateway.binding import BODILESS
from outgrow.gateway.failures import PROBLEMS_PATH, title_of
from outgrow.gateway.limits import Limits
from outgrow.gateway.openapi.operations import GOES_ON, OPERATION, OPERATION_SCHEMA
from outgrow.gateway.operations import OPERATIONS_PATH
from outgrow.gateway.schemas import Json, Schemas

_PHRASES = {
    400: "The request does not fit.",
    401: "The caller is not known.",
    403: "The caller lacks a permission.",
    404: "It does not exist.",
    409: "It does not fit to what there is.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "It cannot be done this way.",
    429: "Too much is asked for at once; later is better.",
    500: "It failed, and may have run.",
    503: "The service cannot be reached.",
    504: "The answer was not there in time; it may have run.",
}
_PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "Problem details, RFC 9457. More members depend on the type.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "correlation_id": {"type": "string", "description": "Name it when you report this."},
        "may_have_run": {"type": "boolean", "description": "Whether something may have changed."},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "message": {"type": "string"}},
                "required": ["place", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "correlation_id"],
}
_HEADERS: dict[str, Json] = {
    "CorrelationId": {
        "name": "X-Correlation-Id",
        "in": "header",
        "description": "One id for all that comes out of this request; made up if it is missing.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{1,128}$"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A repeat under the same key has no second effect and gets the first reply. "
        "Without it every request is a new command.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
}


def openapi_document(
    application: str, models: Iterable[ContractModel], limits: Limits | None = None
) -> Json:
    """
    The OpenAPI document of the methods of *models* that are bound to HTTP.

    The same contracts make the same document, in every process.
    """
    schemas, limits = Schemas("openapi"), limits or Limits()
    methods = [m for model in models for m in model.methods.values() if m.http is not None]
    paths: dict[str, Json] = {}
    services: dict[str, None] = {}
    for method in methods:
        assert method.http is not None
        services[method.service] = None
        operation = _operation(method, schemas, limits)
        paths.setdefault(method.http.path, {})[method.http.verb.lower()] = operation
    components: Json = {
        "schemas": {"Problem": _PROBLEM_SCHEMA, **schemas.components},
        "parameters": _HEADERS,
    }
    if any(method.is_keyed for method in methods):
        paths[f"{OPERATIONS_PATH}{{id}}"] = {"get": OPERATION}
        components["schemas"]["Operation"] = OPERATION_SCHEMA
        components["responses"] = {"GoesOn": GOES_ON}
    return {
        "openapi": "3.1.0",
        "info": {"title": application, "version": "1"},
        "tags": [{"name": service} for service in services],
        "paths": paths,
        "components": components,
    }


def _operation(method: Method, schemas: Schemas, limits: Limits) -> Json:
    assert method.http is not None
    summary, _, description = method.doc.partition("\n")
    in_path = method.http.path_parameters
    is_in_url = method.http.verb in BODILESS or method.stream is not None
    rest = [p for p in method.parameters if p.name not in in_path]
    parameters = [
        _parameter(p, "path" if p.name in in_path else "query", schemas)
        for p in method.parameters
        if (p.name in in_path or is_in_url) and not p.is_stream
    ]
    parameters.append({"$ref": "#/components/parameters/CorrelationId"})
    if method.is_keyed:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    operation: Json = {
        "operationId": method.full_name,
        "tags": [method.service],
        "summary": summary.strip() or title_of(method.name.replace("_", " ")),
        "parameters": parameters,
        "responses": _responses(method, schemas),
    }
    if description.strip():
        operation["description"] = description.strip()
    if method.allow is not None:
        operation["x-permission"] = method.allow
    if method.stream is not None:
        operation["requestBody"] = _lines_body(method.stream, schemas, limits)
    elif not is_in_url and rest:
        operation["requestBody"] = _request_body(rest, schemas, limits)
    return operation


def _parameter(parameter: Parameter, place: str, schemas: Schemas) -> Json:
    shape = parameter.shape
    # What is not given is left out of a URL; there is no way to write null.
    schema = schemas.of(shape.item if isinstance(shape, Maybe) else shape)
    field = parameter.field
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path" or field.is_required,
        "schema": schemas.with_default(schema, field),
    }


def _request_body(parameters: list[Parameter], schemas: Schemas, limits: Limits) -> Json:
    schema = schemas.of_fields(tuple(p.field for p in parameters))
    return {
        "required": bool(schema.get("required")),
        "description": f"At most {limits.body_bytes_max} bytes. Unknown fields are refused, at "
        "every depth.",
        "content": {"application/json": {"schema": {**schema, "additionalProperties": False}}},
    }


def _lines_body(parameter: Parameter, schemas: Schemas, limits: Limits) -> Json:
    text = (
        f"A stream: each line is one item in JSON, of at most {limits.line_bytes_max} bytes. "
        "Unknown fields are refused, at every depth."
    )
    content = _items(text, schemas.of(parameter.shape))
    return {"required": False, "content": {"application/x-ndjson": content}}


def _items(text: str, item: Json) -> Json:
    """Content that is not one JSON value; OpenAPI 3.2 calls the schema of its items itemSchema."""
    return {"schema": {"type": "string", "description": text}, "x-itemSchema": item}


_LINES = (
    "Each line is one item in JSON. A line that is an object with the one member `error` is the "
    "last one, and holds the problem for which the stream has failed."
)
_EVENTS = (
    "Server-sent events. The data of each without a name is one item in JSON; `end` is the last "
    "one, or `error`, whose data is the problem for which the stream has failed."
)


def _stream_responses(method: Method, schemas: Schemas) -> Json:
    item = schemas.of(method.reply)
    content = {
        "application/x-ndjson": _items(_LINES, item),
        "text/event-stream": _items(_EVENTS, item),
    }
    return {"200": {"description": "The items, as they come.", "content": content}}


def _responses(method: Method, schemas: Schemas) -> Json:
    responses: Json = {"204": {"description": "Done."}}
    if method.is_reply_stream:
        responses = _stream_responses(method, schemas)
    elif not isinstance(method.reply, Nothing):
        content = {"application/json": {"schema": schemas.of(method.reply)}}
        responses = {"200": {"description": "The reply.", "content": content}}
    declared: dict[int, list[type[Problem]]] = {}
    for problem in method.problems.values():
        declared.setdefault(STATUSES[problem.status], []).append(problem)
    statuses = {400, 429, 500, 503, 504, *declared}
    statuses |= {403} if method.allow is not None else set()
    statuses |= {409, 422} if method.is_keyed else set()
    if method.http is not None and method.http.verb not in BODILESS:
        statuses |= {413, 415}
    ours = {400, 403, 413, 415, 422, 429, 500, 503, 504}
    if method.is_keyed:
        # A contract does not say which of its commands are sagas; any of them may become one.
        responses["202"] = {"$ref": "#/components/responses/GoesOn"}
        ours.add(409)
    for status in sorted(statuses):
        problems = declared.get(status, [])
        refs = [_problem_ref(problem, schemas) for problem in problems]
        if status in ours:
            refs.append({"$ref": "#/components/schemas/Problem"})
        responses[str(status)] = {
            "description": " ".join(
                [*(f"`{problem_type(p)}`" for p in problems), _PHRASES[status]]
            ),
            "content": {
                "application/problem+json": {
                    "schema": refs[0] if len(refs) == 1 else {"anyOf": refs}
                }
            },
        }
    return responses


def _problem_ref(problem: type[Problem], schemas: Schemas) -> Json:
    """A reference to the schema of *problem*, whose usual members have known values."""
    name = problem_type(problem)
    component = schemas.find(problem)
    if component is None:
        component = schemas.claim(problem, f"problem.{name}")
        own = schemas.of_fields(problem_schema_fields(problem))
        own["properties"] = {
            "type": {"const": PROBLEMS_PATH + name},
            "status": {"const": STATUSES[problem.status]},
            **own["properties"],
        }
        own["description"] = inspect.cleandoc(problem.__doc__ or "")
        base = {"$ref": "#/components/schemas/Problem"}
        schemas.components[component] = {"allOf": [base, own]}
    return {"$ref": f"#/components/schemas/{component}"}
