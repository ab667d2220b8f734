"""The description of an application's events: AsyncAPI 3.0, made from the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from outgrow.contracts import ContractModel, EventModel
from outgrow.gateway.schemas import Json, Schemas

PARTITIONS = 32
"""As many as the journal has, for ever."""

ENVELOPE = "outgrow.Envelope"
_TEXT: Json = {"type": "string"}
_NULLABLE: Json = {"type": ["string", "null"]}
_POSITION: Json = {"type": "integer", "format": "int64"}
_ENVELOPE: Json = {
    "type": "object",
    "description": "What the journal of the service says about an event.",
    "properties": {
        "position": {**_POSITION, "description": "Its place in the journal; grows."},
        "previous": {**_POSITION, "description": "The place of the public event before it."},
        "id": {**_TEXT, "format": "uuid", "description": "The same each time it is delivered."},
        "type": _TEXT,
        "schema": {"type": "integer", "minimum": 1, "description": "The number of its form."},
        "key": {**_NULLABLE, "description": "Events with equal keys arrive in their order."},
        "partition": {"type": "integer", "minimum": 0, "maximum": PARTITIONS - 1},
        "cause": {**_NULLABLE, "description": "The execution that recorded it."},
        "correlation_id": {**_TEXT, "description": "One id for all that comes of one request."},
        "trace": {**_TEXT, "description": "The W3C traceparent of that execution."},
        "caller": {"type": "object", "description": "Who stands at the beginning."},
        "tenant": _NULLABLE,
        "recorded_at": {**_TEXT, "format": "date-time"},
        "body": {"type": "object", "description": "The event's fields."},
        "former": {"type": "array", "items": _TEXT, "description": "Names its class had before."},
    },
    "required": ["position", "previous", "id", "type", "schema", "partition", "body"],
}
_PARAMETERS: Json = {
    "environment": {"description": "The environment that the application runs in."},
    "partition": {
        "description": f"crc32 of the event's key, or else of its id, modulo {PARTITIONS}.",
        "enum": [str(n) for n in range(PARTITIONS)],
    },
}


def asyncapi_document(
    application: str,
    models: Iterable[ContractModel],
    listeners: Mapping[str, Iterable[str]] | None = None,
) -> Json:
    """
    The AsyncAPI document of the public events of *models*.

    The same contracts make the same document, in every process.

    Args:
        listeners: The handlers, ``service.method``, that listen to an event, by its name on the
            wire; those that are not known are left out.
    """
    schemas = Schemas("asyncapi")
    events = {event.type: event for model in models for event in model.events}
    messages = {name: _message(event, schemas) for name, event in sorted(events.items())}
    services = sorted({_service(name) for name in messages})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": application,
            "version": "1",
            "description": "Events travel over NATS JetStream, one subject for each partition "
            "and class.",
            "tags": [{"name": service} for service in services],
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(application, name) for name in messages},
        "operations": _operations(list(messages), listeners or {}),
        "components": {
            "schemas": {ENVELOPE: _ENVELOPE, **dict(sorted(schemas.components.items()))},
            "messages": messages,
        },
    }


def _service(event_type: str) -> str:
    return event_type.partition(".")[0]


def _channel(application: str, name: str) -> Json:
    service, _, event = name.rpartition(".")
    return {
        "address": f"{application}.{{environment}}.{service}.{{partition}}.{event}",
        "parameters": _PARAMETERS,
        "messages": {event: {"$ref": f"#/components/messages/{name}"}},
        "tags": [{"name": service}],
    }


def _message(event: EventModel, schemas: Schemas) -> Json:
    body = schemas.of_event(event.event, event.type, event.fields, event.doc)
    summary, _, description = event.doc.partition("\n")
    message: Json = {
        "name": event.type,
        "title": event.event.__name__,
        "contentType": "application/json",
        "correlationId": {"location": "$message.payload#/correlation_id"},
        "payload": {
            "allOf": [
                {"$ref": f"#/components/schemas/{ENVELOPE}"},
                {"properties": {"type": {"const": event.type}, "body": {"$ref": body}}},
            ],
        },
        "x-key": event.key,
        "x-schema": event.schema,
    }
    if summary.strip():
        message["summary"] = summary.strip()
    if description.strip():
        message["description"] = description.strip()
    if event.aliases:
        message["x-aliases"] = list(event.aliases)
    if event.upcasts:
        message["x-upcasts"] = list(event.upcasts)
    return message


def _operations(names: list[str], listeners: Mapping[str, Iterable[str]]) -> Json:
    """What each service sends, and what each handler receives."""
    operations: Json = {}
    for name in names:
        service, _, event = name.rpartition(".")
        operations[f"{service}.send.{event}"] = _operation("send", service, name)
        for handler in sorted(listeners.get(name, ())):
            operations[f"{handler}.receive.{name}"] = _operation("receive", _service(handler), name)
    return operations


def _operation(action: str, service: str, name: str) -> dict[str, Any]:
    event = name.rpartition(".")[2]
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{event}"}],
        "tags": [{"name": service}],
    }
