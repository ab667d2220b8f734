"""
How the items of a stream are told from each other, and from its end and its failure.

Server-sent events are those of the WHATWG's HTML standard, section 9.2; lines of JSON are NDJSON.
"""

from __future__ import annotations

from collections.abc import Iterator

from outgrow.contracts import (
    Choice,
    MapOf,
    Method,
    OneOf,
    OneValueOf,
    RecordShape,
    Shape,
    fields_of,
    is_struct,
)
from outgrow.errors import Finding
from outgrow.gateway.exchange import Headers

RETRY_MILLISECONDS = 3_000
"""How long a browser waits before it connects again."""

_ERROR = "error"


class Events:
    """Server-sent events: an item is an event without a name; ``error`` and ``end`` have one."""

    content_type = b"text/event-stream; charset=utf-8"
    begin = b"retry: %d\n\n" % RETRY_MILLISECONDS
    heartbeat = b": nothing yet\n\n"

    @staticmethod
    def item(place: int, data: bytes) -> bytes:
        """The item at *place*, counted from 0; JSON holds no line break."""
        return b"id: %d\ndata: %b\n\n" % (place, data)

    @staticmethod
    def failure(problem: bytes) -> bytes:
        """What ends a stream that has failed after it began."""
        return b"event: error\ndata: %b\n\n" % problem

    @staticmethod
    def end(count: int) -> bytes:
        """What ends a stream of *count* items in order."""
        return b'event: end\ndata: {"items":%d}\n\n' % count


class JsonLines:
    """Lines of JSON: each an item; if it fails after it began, an object with one member last."""

    content_type = b"application/x-ndjson"
    begin = b""
    heartbeat = b""

    @staticmethod
    def item(_place: int, data: bytes) -> bytes:
        """One item."""
        return data + b"\n"

    @staticmethod
    def failure(problem: bytes) -> bytes:
        """What ends a stream that has failed after it began."""
        return b'{"error":%b}\n' % problem

    @staticmethod
    def end(_count: int) -> bytes:
        """Nothing: the orderly end of the body says it."""
        return b""


Framing = type[Events] | type[JsonLines]


def framing_of(headers: Headers) -> Framing:
    """What the client asks for: server-sent events if it accepts them by name, else lines."""
    accepted = headers.get(b"accept", b"").lower()
    return Events if b"text/event-stream" in accepted else JsonLines


def item_findings(method: Method) -> Iterator[Finding]:
    """Items of *method* that could be taken for the line of an error."""
    if not method.is_reply_stream or not _may_be_error(method.reply):
        return
    yield Finding(
        place=method.place,
        message=f"an item of the stream {method.full_name} may be an object with the one member "
        f"{_ERROR!r}.",
        remedy="Over HTTP such a line says that the stream has failed. Put a dictionary into a "
        "record, or give the field another name in JSON.",
        slug="stream-item-http",
    )


def _may_be_error(shape: Shape) -> bool:
    """Whether a value of *shape* may be an object with the one member ``error``."""
    match shape:
        case MapOf(key=Choice(enum=choice)):
            return any(member.value == _ERROR for member in choice)
        case MapOf(key=OneValueOf(values=values)):
            return _ERROR in values
        case MapOf(key=key):
            return getattr(key, "kind", "") == "str"
        case RecordShape():
            return _always_written(shape) <= {_ERROR} <= _names(shape) | _tag(shape)
        case OneOf(tag_field=tag):
            return tag == _ERROR
    return False


def _names(shape: RecordShape) -> set[str]:
    return {field.encoded for field in fields_of(shape.record)}


def _always_written(shape: RecordShape) -> set[str]:
    """The members that every object of the record has."""
    fields = fields_of(shape.record)
    if not is_struct(shape.cls):
        return {field.encoded for field in fields}
    is_whole = not shape.cls.__struct_config__.omit_defaults  # type: ignore[attr-defined]
    return _tag(shape) | {field.encoded for field in fields if is_whole or field.is_required}


def _tag(shape: RecordShape) -> set[str]:
    """The member that says which record it is, if it has one."""
    if not is_struct(shape.cls):
        return set()
    field = shape.cls.__struct_config__.tag_field  # type: ignore[attr-defined]
    return {field} if field else set()
