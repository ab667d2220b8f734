"""
Converters between typed objects and the bytes of protobuf messages, one set for each method.

They are fast and say nothing; when one of them or protobuf refuses, `refusals` looks for all that
is wrong and says where. So what does not fit is refused before anything is sent or run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError, Message

from outgrow.calls.protobuf.encoding import Encoding
from outgrow.calls.protobuf.messages import Messages
from outgrow.calls.protobuf.refusals import Findings, find_in_message, find_in_values
from outgrow.calls.protobuf.source import Decoding, Source
from outgrow.calls.protobuf.values import shown
from outgrow.contracts import Field, LimitBroken, Method, ProtoMessage
from outgrow.errors import ArgumentsRefused, CallError, CallFailed

_Refuse = Callable[[Findings], CallError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """
    One method's way to the wire and back.

    What does not fit raises `ArgumentsRefused` for a request, and `CallFailed` for a reply: its
    method has run. Of a stream each item is a message: each reply, and, if a parameter is one, each
    request after the first, which has None in its place or an item as well.

    Attributes:
        encode_request: ``(*arguments) -> bytes``, in the order of the signature.
        decode_request: ``(body) -> list of arguments``; checks the limits of the parameters.
        encode_reply: ``(reply) -> bytes``.
        decode_reply: ``(body) -> reply``.
        encode_item: ``(item) -> bytes``, of the parameter that is a stream; None if none is.
        decode_item: ``(body) -> item``, or None if the message carries no item.
    """

    encode_request: Callable[..., bytes]
    decode_request: Callable[[bytes], list[Any]]
    encode_reply: Callable[[Any], bytes]
    decode_reply: Callable[[bytes], Any]
    encode_item: Callable[[Any], bytes] | None = None
    decode_item: Callable[[bytes], Any] | None = None


class Converters:
    """
    Makes the converters of one application's methods; those of a record are made once.

    Attributes:
        messages: The messages that they convert to and from.
    """

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        source = Source()
        self._encoding, self._decoding = Encoding(source), Decoding(source)
        self._known: dict[Method, Conversion] = {}

    def of(self, method: Method) -> Conversion:
        """The conversion of *method*; its source is written at the first request for it."""
        if method not in self._known:
            self._known[method] = self._convert(method)
        return self._known[method]

    def _convert(self, method: Method) -> Conversion:
        def refuse_arguments(findings: Findings) -> CallError:
            return ArgumentsRefused(method.full_name, findings)

        def refuse_reply(findings: Findings) -> CallError:
            text = "its reply does not fit its contract: " + "; ".join(map(": ".join, findings))
            return CallFailed(method.full_name, "builtins.TypeError", text)

        name, made = method.full_name, self.messages.layout(method)
        arguments = [parameter.field for parameter in method.parameters]
        value = [Field("value", method.reply)]
        encode, read = self._encoding.encoder, self._decoding.reader
        decode_reply = _decoder(
            read(f"{name} reply in", made.reply, value),
            (self.messages.reply(method), made.reply, value),
            refuse_reply,
        )
        encode_item, decode_item = self._convert_item(method, made.request, refuse_arguments)
        return Conversion(
            encode_item=encode_item,
            decode_item=decode_item,
            encode_request=_encoder(
                encode(f"{name} request out", made.request), made.request, refuse_arguments
            ),
            decode_request=_decoder(
                read(f"{name} request in", made.request, arguments),
                (self.messages.request(method), made.request, arguments),
                refuse_arguments,
            ),
            encode_reply=_encoder(encode(f"{name} reply out", made.reply), made.reply, refuse_reply)
            if made.reply.fields
            else _nothing(refuse_reply),
            decode_reply=lambda body: decode_reply(body)[0],
        )

    def _convert_item(
        self, method: Method, request: ProtoMessage, refuse: _Refuse
    ) -> tuple[Callable[[Any], bytes] | None, Callable[[bytes], Any] | None]:
        """The converters of messages that carry an item alone."""
        stream = method.stream
        if stream is None:
            return None, None
        # A field that may be absent, and is given here: None is no item.
        given = [
            replace(field, shape=stream.shape)
            for field in request.fields
            if field.name == stream.name
        ]
        alone, name = replace(request, fields=given), method.full_name
        decode = _decoder(
            self._decoding.reader(f"{name} item in", request, [stream.field]),
            (self.messages.request(method), request, [stream.field]),
            refuse,
        )
        encode = _encoder(self._encoding.encoder(f"{name} item out", alone), alone, refuse)
        return encode, lambda body: decode(body)[0]


def _encoder(
    write: Callable[..., bytes], made: ProtoMessage, refuse: _Refuse
) -> Callable[..., bytes]:
    def encode(*values: Any) -> bytes:
        try:
            return write(*values)
        except Exception as error:
            findings = find_in_values(made, values)
            raise refuse(findings or [("arguments", str(error))]) from error

    return encode


def _nothing(refuse: _Refuse) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        if value is not None:
            raise refuse([("value", f"{shown(value)} is no None")])
        return b""

    return encode


def _decoder(
    read: Callable[[Message], list[Any]],
    expected: tuple[type[Message], ProtoMessage, list[Field]],
    refuse: _Refuse,
) -> Callable[[bytes], list[Any]]:
    message_class, made, fields = expected

    def decode(body: bytes) -> list[Any]:
        message = message_class()
        try:
            message.MergeFromString(body)
        except (DecodeError, RecursionError) as error:
            text = f"{len(body)} bytes are no {message.DESCRIPTOR.name}"
            raise refuse([("body", text)]) from error
        try:
            return read(message)
        except Exception as error:
            raise refuse(_what(error, made, fields, message)) from error

    return decode


def _what(error: Exception, made: ProtoMessage, fields: list[Field], message: Message) -> Findings:
    """Why *message* was refused, with all places if they can be found."""
    found = find_in_message(made, fields, message)
    if not found and isinstance(error, LimitBroken):
        return [(error.place.removeprefix("."), error.problem)]
    return found or [("body", str(error) or type(error).__name__)]
