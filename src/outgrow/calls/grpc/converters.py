"""
Converters between typed objects and the bytes of protobuf messages, one set for each method.

They are fast and say nothing; when one of them or protobuf refuses, `refusals` looks for all that
is wrong and says where. So what does not fit is refused before anything is sent or run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from outgrow.calls.grpc.messages import Messages
from outgrow.calls.grpc.refusals import Findings, find_in_message, find_in_value
from outgrow.calls.grpc.source import Source
from outgrow.contracts import Field, LimitBroken, Method
from outgrow.errors import ArgumentsRefused, CallError, CallFailed

_MISFITS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_Refuse = Callable[[Findings], CallError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """
    One method's way to the wire and back.

    What does not fit raises `ArgumentsRefused` for a request, and `CallFailed` for a reply: its
    method has run.

    Attributes:
        encode_request: ``(*arguments) -> bytes``, in the order of the signature.
        decode_request: ``(body) -> list of arguments``; checks the limits of the parameters.
        encode_reply: ``(reply) -> bytes``.
        decode_reply: ``(body) -> reply``.
    """

    encode_request: Callable[..., bytes]
    decode_request: Callable[[bytes], list[Any]]
    encode_reply: Callable[[Any], bytes]
    decode_reply: Callable[[bytes], Any]


class Converters:
    """
    Makes the converters of one application's methods; those of a record are made once.

    Attributes:
        messages: The messages that they convert to and from.
    """

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self._source = Source()
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

        name, source, messages = method.full_name, self._source, self.messages
        request, reply = messages.request(method), messages.reply(method)
        arguments = [parameter.field for parameter in method.parameters]
        value = [Field("value", method.reply)]
        write_request = source.writer(f"{name} request out", arguments)
        read_request = source.reader(f"{name} request in", arguments)
        write_reply = source.writer(f"{name} reply out", value)
        read_reply = source.reader(f"{name} reply in", value)
        decode_reply = _decoder(read_reply, reply, value, refuse_reply)
        return Conversion(
            encode_request=_encoder(write_request, request, arguments, refuse_arguments),
            decode_request=_decoder(read_request, request, arguments, refuse_arguments),
            encode_reply=_encoder(write_reply, reply, value, refuse_reply),
            decode_reply=lambda body: decode_reply(body)[0],
        )


def _encoder(
    write: Callable[..., None], message_class: type[Message], fields: list[Field], refuse: _Refuse
) -> Callable[..., bytes]:
    def encode(*values: Any) -> bytes:
        message = message_class()
        try:
            write(message, *values)
            return message.SerializeToString()
        except _MISFITS as error:
            findings = []
            for field, value in zip(fields, values, strict=False):
                findings += find_in_value(field.shape, value, field.name)
            raise refuse(findings or [("arguments", str(error))]) from error

    return encode


def _decoder(
    read: Callable[[Message], list[Any]],
    message_class: type[Message],
    fields: list[Field],
    refuse: _Refuse,
) -> Callable[[bytes], list[Any]]:
    def decode(body: bytes) -> list[Any]:
        message = message_class()
        try:
            message.MergeFromString(body)
            return read(message)
        except DecodeError as error:
            text = f"{len(body)} bytes are no {message.DESCRIPTOR.name}"
            raise refuse([("body", text)]) from error
        except LimitBroken as broken:
            raise refuse([(broken.place.removeprefix("."), broken.problem)]) from broken
        except _MISFITS as error:
            raise refuse(find_in_message(fields, message) or [("body", str(error))]) from error

    return decode
