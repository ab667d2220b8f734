"""What a step calls: a command of another service, or a transactional method of the saga's own."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from outgrow.calls import bind_arguments, decode_arguments, encode_arguments, method_of
from outgrow.contracts import (
    Method,
    Problem,
    contracts_of,
    encode_ordered,
    read_contract,
    resolve_hints,
    service_name,
)
from outgrow.errors import CallRefused, EventUnreadable, StepRefused
from outgrow.journal import Codec, Replies, codec_of, is_transactional
from outgrow.sagas.saga import Call

BODY_BYTES_MAX: Final = 256 * 1024
"""The most that the arguments of a step, or of a saga, may take as JSON."""


_UNFIT = (TypeError, ValueError, OverflowError, RecursionError, CallRefused, EventUnreadable)
"""What arguments raise that cannot be written down, or not be read by whoever they are for."""


class Target:
    """
    A method that a step or an undo calls.

    Attributes:
        name: ``service.method``.
        service: The service that does it.
        replies: Its replies as text and back.
        is_local: Whether it is a transactional method of the saga's own service, which is run in
            one transaction with what is written down of the step.
    """

    is_local = False

    def __init__(self, name: str, replies: Replies) -> None:
        self.name = name
        self.service = name.partition(".")[0]
        self.replies = replies

    def encode(self, call: Call) -> str:
        """
        The arguments of *call* as JSON: what is written down, sent, and compared in a replay.

        Raises:
            StepRefused: They do not fit the method, cannot travel, or are too large.
        """
        try:
            body = self._encode(call)
        except _UNFIT as error:
            told = error.__cause__ if isinstance(error, EventUnreadable) else error
            raise StepRefused(
                f"{self.name} cannot be a step with these arguments: {told}"
            ) from error
        if len(body) > BODY_BYTES_MAX:
            raise StepRefused(
                f"{self.name}: {len(body)} bytes of arguments are more than a step may have, which "
                f"is {BODY_BYTES_MAX}. Keep what is large in a store, and say its id."
            )
        return body.decode()

    def _encode(self, call: Call) -> bytes:
        raise NotImplementedError


class Remote(Target):
    """A command of a contract, called through the transport, in whichever process it is kept."""

    def __init__(self, method: Method) -> None:
        super().__init__(
            method.full_name, Replies(method.full_name, method.reply_hint, method.problems)
        )
        self.method = method

    def encode_bound(self, arguments: tuple[Any, ...]) -> str:
        """The *arguments*, all of them and in their order, as JSON."""
        return encode_arguments(self.method, arguments).decode()

    def _encode(self, call: Call) -> bytes:
        return _sound(self.method, call)


class Local(Target):
    """
    A transactional method of the saga's own service.

    Args:
        service: The object that keeps it.
        problems: The problems that are among its replies.
    """

    is_local = True

    def __init__(self, service: Any, name: str, problems: dict[str, type[Problem]]) -> None:
        self._service = service
        self._fn = getattr(type(service), name).__wrapped__
        self._method = method_named(type(service), name)
        full_name = f"{service_name(type(service).__module__)}.{name}"
        hints = resolve_hints(self._fn)
        hint = hints.get("return", Any) if self._method is None else self._method.reply_hint
        super().__init__(full_name, Replies(full_name, hint, problems))
        self._codecs = {
            parameter: codec_of(hints.get(parameter, Any), "deterministic", full_name)
            for parameter in list(inspect.signature(self._fn).parameters)[2:]
        }

    def run(self, tx: Any, arguments: str) -> Any:
        """Call the method itself, inside of *tx*."""
        if self._method is not None:
            return self._fn(self._service, tx, *decode_arguments(self._method, arguments.encode()))
        named = msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
        given = {name: self._codecs[name].decode(bytes(value)) for name, value in named.items()}
        return self._fn(self._service, tx, **given)

    def _encode(self, call: Call) -> bytes:
        if self._method is not None:
            return _sound(self._method, call)
        bound = inspect.signature(call.method).bind(*call.args, **call.kwargs)
        bound.apply_defaults()
        named = {
            name: msgspec.Raw(_encoded(self._codecs[name], value))
            for name, value in bound.arguments.items()
        }
        return encode_ordered(named, "sorted")


def _sound(method: Method, call: Call) -> bytes:
    """The arguments of *call*, as whoever keeps *method* can read them."""
    body = encode_arguments(method, bind_arguments(method, call.args, call.kwargs))
    decode_arguments(method, body)
    return body


def _encoded(codec: Codec, value: Any) -> bytes:
    body = codec.encode(value)
    codec.decode(body)  # A replay would have to read it.
    return body


def method_named(service: type, name: str) -> Method | None:
    """The method *name* of the contracts that a class keeps, if one has it."""
    for contract in contracts_of(service):
        method = read_contract(contract).methods.get(name)
        if method is not None:
            return method
    return None


class Targets:
    """
    Finds what steps call. Lives as long as its service's object.

    Args:
        service: The object that keeps the sagas.
    """

    def __init__(self, service: Any) -> None:
        self._service = service
        self._name = service_name(type(service).__module__)
        self._found: dict[str, Target] = {}
        self._problems: dict[str, type[Problem]] = {}
        for contract in contracts_of(type(service)):
            for method in read_contract(contract).methods.values():
                self._problems |= method.problems

    def of(self, call: Call) -> Target:
        """
        The target of *call*.

        Raises:
            StepRefused: It can be no step.
        """
        bound: Any = call.method
        owner, name = getattr(bound, "__self__", None), getattr(bound, "__name__", "")
        if owner is self._service:
            if is_transactional(bound):
                return self.local(name)
            raise StepRefused(
                f"self.{name} is no transactional method, so it cannot be a step: what it does and "
                "that it was done must be one commit. Mark it @transactional, or make a step of "
                "each command that it calls."
            )
        try:
            method = method_of(bound)
        except TypeError as error:
            raise StepRefused(f"it is no step: {error}") from error
        if not method.is_keyed:
            why = "it promises nothing about repeats, and a step is repeated until it answers."
            if method.kind == "query":
                why = "a query changes nothing; await it directly."
            raise StepRefused(f"{method.full_name} cannot be a step: {why}")
        return self.remote(method)

    def remote(self, method: Method) -> Remote:
        """The target that is *method* of a contract, wherever it is kept."""
        found = self._found.get(method.full_name)
        if found is None:
            found = self._found[method.full_name] = Remote(method)
        assert isinstance(found, Remote)
        return found

    def named(self, name: str) -> Local | None:
        """The target that was written down as *name*, if it is of the service itself."""
        service, _, method = name.partition(".")
        if service != self._name or not is_transactional(
            getattr(type(self._service), method, None)
        ):
            return None
        return self.local(method)

    def local(self, name: str) -> Local:
        """The target that is the service's own method *name*."""
        full_name = f"{self._name}.{name}"
        found = self._found.get(f"\n{full_name}")
        if found is None:
            found = self._found[f"\n{full_name}"] = Local(self._service, name, self._problems)
        assert isinstance(found, Local)
        return found
