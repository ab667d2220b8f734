"""The sagas of a service as they are called: arguments, replies, and keys."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from outgrow.calls import bind_arguments, decode_arguments, encode_arguments
from outgrow.context import SYSTEM, Context, current, new_id, new_span_id, new_trace_id
from outgrow.contracts import (
    Event,
    EventReader,
    contracts_of,
    encode_ordered,
    event_names,
    event_schema,
    event_type,
    read_contract,
    resolve_hints,
    service_name,
)
from outgrow.errors import ArgumentsRefused, ServiceUnreachable
from outgrow.journal import Replies, codec_of
from outgrow.sagas.code import Code
from outgrow.sagas.saga import Saga
from outgrow.sagas.targets import BODY_BYTES_MAX, method_named


class _Heard(msgspec.Struct):
    """The event that a saga was begun by, as its arguments."""

    type: str
    schema: int
    body: msgspec.Raw


class Entry:
    """
    One saga of a service, as its callers see it.

    Attributes:
        name: ``service.method``.
        code: Its newest version, which new ones run.
        replies: Its replies as text and back.
    """

    def __init__(self, service: type, code: Code) -> None:
        self.code = code
        self.name = f"{service_name(service.__module__)}.{code.method}"
        self._method = method_named(service, code.method)
        hints = resolve_hints(code.fn)
        hint = hints.get("return", Any)
        problems = {}
        if self._method is not None:
            hint, problems = self._method.reply_hint, self._method.problems
        self.replies = Replies(self.name, hint, problems)
        self._signature = inspect.signature(getattr(service, code.method))
        self._codecs = {
            name: codec_of(hints.get(name, Any), "deterministic", self.name)
            for name in list(self._signature.parameters)[1:]
        }
        marked = getattr(getattr(service, code.method), "__outgrow_events__", None)
        self._events: tuple[type[Event], ...] = marked[0] if marked else ()
        self._readers = {name: EventReader(e) for e in self._events for name in event_names(e)}

    def encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """
        The arguments of a call as JSON.

        Raises:
            ArgumentsRefused: They cannot be kept, or are too large.
        """
        if self._readers:
            body = self.encode_event(*self._signature.bind(None, *args, **kwargs).args[1:])
        elif self._method is not None:
            body = encode_arguments(self._method, bind_arguments(self._method, args, kwargs))
        else:
            bound = self._signature.bind(None, *args, **kwargs)
            bound.apply_defaults()
            given = list(bound.arguments.items())[1:]
            named = {name: msgspec.Raw(self._codecs[name].encode(value)) for name, value in given}
            body = encode_ordered(named, "sorted")
        if len(body) > BODY_BYTES_MAX:
            told = (
                f"{len(body)} bytes are more than a saga may be given, which is {BODY_BYTES_MAX}. "
                "Keep what is large in a store, and say its id"
            )
            raise ArgumentsRefused(self.name, [("arguments", told)])
        return body

    def encode_event(self, event: Event) -> bytes:
        """
        The event that a saga is begun by, as its arguments.

        Raises:
            ArgumentsRefused: It is no event that the saga listens to.
        """
        if not isinstance(event, self._events):
            raise ArgumentsRefused(self.name, [("event", f"{event!r} is none that it listens to")])
        body = encode_ordered(event, "deterministic")
        return msgspec.json.encode(
            _Heard(event_type(type(event)), event_schema(type(event)), msgspec.Raw(body))
        )

    def make(self, service: Any, code: Code, arguments: str, run: Saga) -> Any:
        """The coroutine of a version's method, with the arguments that were written down."""
        if self._readers:
            heard = msgspec.json.decode(arguments, type=_Heard)
            event = self._readers[heard.type].read(heard.schema, bytes(heard.body).decode())
            return code.fn(service, run, event)
        if self._method is not None:
            return code.fn(service, run, *decode_arguments(self._method, arguments.encode()))
        named = msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
        given = {name: self._codecs[name].decode(bytes(value)) for name, value in named.items()}
        return code.fn(service, run, **given)

    def key_of(self, context: Context, arguments: str) -> str:
        """The key under which a call begins the saga: the caller's, or derived from it."""
        if context.method == self.name or context.method.partition("/")[0] == self.name:
            return context.key or new_id()
        if context.key is None:
            return new_id()
        return context.derive_key(self.name, arguments.encode())


def own_context() -> Context:
    """The context of whoever begins a saga; the system's, outside of any execution."""
    return current(None) or Context(
        caller=SYSTEM,
        correlation_id=new_id(),
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=float("inf"),
    )


async def ask_by_hand(service: Any, name: str, arguments: str) -> Any:
    """Call ``service.method`` on the field of *service* that keeps it, as a test has made it."""
    for value in vars(service).values():
        for contract in contracts_of(type(value)):
            for method in read_contract(contract).methods.values():
                if method.full_name == name:
                    given = decode_arguments(method, arguments.encode())
                    return await getattr(value, method.name)(*given)
    message = "no field of the service keeps a contract with it"
    raise ServiceUnreachable(name, message, may_have_run=False)
