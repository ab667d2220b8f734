"""What the description says of commands that go on when their caller's time is over."""

from __future__ import annotations

from outgrow.gateway.schemas import Json

OPERATION_SCHEMA: Json = {
    "type": "object",
    "description": "A command that was begun, and how it stands.",
    "properties": {
        "id": {"type": "string"},
        "method": {"type": "string", "description": "What began it, by its operationId."},
        "state": {
            "type": "string",
            "enum": ["running", "undoing", "stuck", "completed", "undone", "resolved"],
            "description": "It has ended if it is `completed`, `undone` or `resolved`, the last by "
            "an operator; `stuck` waits for one.",
        },
        "started_at": {"type": "string", "format": "date-time"},
        "ended_at": {"type": ["string", "null"], "format": "date-time"},
        "reply": {"description": "What the command would have answered; there once completed."},
        "problem": {
            "$ref": "#/components/schemas/Problem",
            "description": "Why it was undone.",
        },
    },
    "required": ["id", "method", "state"],
}

_RETRY_AFTER: Json = {
    "description": "Seconds until it is worth asking again.",
    "schema": {"type": "integer", "minimum": 1},
}

GOES_ON: Json = {
    "description": "It goes on, and was not finished in time. The same request under the same "
    "Idempotency-Key waits on for it; Location tells how it stands.",
    "headers": {
        "Location": {
            "description": "Where it can be asked for.",
            "schema": {"type": "string", "format": "uri-reference"},
        },
        "Retry-After": _RETRY_AFTER,
    },
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Operation"}}},
}


def _problem(description: str) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


OPERATION: Json = {
    "operationId": "outgrow.operation",
    "tags": ["outgrow"],
    "summary": "How a command stands that goes on",
    "description": "For whoever began it, and may call its method.",
    "parameters": [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"$ref": "#/components/parameters/CorrelationId"},
    ],
    "responses": {
        "200": {
            "description": "How it stands.",
            "headers": {"Retry-After": {**_RETRY_AFTER, "description": "While it goes on."}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Operation"}}},
        },
        "404": _problem("Nobody who asks so has begun it, or it ended long ago."),
        "503": _problem("The service cannot be reached."),
        "504": _problem("The answer was not there in time."),
    },
}
