"""
Clients: what a caller holds instead of the service.

A client is an instance of a class made from the contract at start. Its methods have the contract's
exact signatures, check the limits of their parameters, and hand the call to a transport under a
context of its own.
"""

from __future__ import annotations

import copy
import linecache
import math
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from outgrow.calls.arguments import check_key, encode_arguments
from outgrow.calls.deadlines import DEADLINE_SECONDS_DEFAULT, STREAM_SECONDS_DEFAULT
from outgrow.calls.doors import compiled
from outgrow.calls.streaming import Given, Stream
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import (
    SYSTEM,
    Caller,
    Context,
    current,
    new_id,
    new_span_id,
    new_trace_id,
)
from outgrow.contracts import ContractModel, LimitBroken, Method, Problem, compile_check
from outgrow.errors import ArgumentsRefused, CallInTransaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a caller asks of its calls, apart from the arguments."""

    key: str | None = None
    deadline_seconds: float | None = None


NO_WISHES = Wishes()


class Client:
    """
    The part of a client that is the same for every contract.

    Lives as long as the service that holds it. It is made before the service that it calls, since
    services may call each other, and is connected when all of them exist.
    """

    _unusual: type[Client]
    """The same class for calls with wishes, none of which are usual."""

    def __init__(
        self,
        bind: Callable[[Method], Invoke],
        model: ContractModel,
        clock: Clock,
        *,
        via: str = "",
        caller: Caller = SYSTEM,
        wishes: Wishes | None = None,
    ) -> None:
        self._bind = bind
        self._model = model
        self._clock = clock
        self._via = via
        self._caller = caller
        self._wishes = wishes

    def _connect(self) -> None:
        for method in self._model.methods.values():
            setattr(self, f"_invoke_{method.name}", self._bind(method))

    def __repr__(self) -> str:
        return f"<client of {self._model.service}.{self._model.name}>"

    def _call(self, method: Method, arguments: tuple[Any, ...]) -> Any:
        """Call with whatever is unusual: from outside of any execution, with wishes or a key."""
        parent = current(None)
        if parent is not None and parent.transaction is not None:
            ask = parent.transaction.ask
            if ask is not None:
                return ask(method, arguments)
        context = self._context(method, arguments, parent)
        answer = getattr(self, f"_invoke_{method.name}")(context, *arguments)
        if parent is None or context.key is None:
            return answer
        return _answered(answer, parent, method, arguments, context.key)

    def _stream(self, method: Method, arguments: tuple[Any, ...]) -> Stream[Any]:
        """The stream that *method* replies with; nothing is asked for yet."""
        context = self._context(method, arguments, current(None))
        answer: Any = getattr(self, f"_invoke_{method.name}")(context, *arguments)
        return Stream(method.full_name, answer)

    def _context(
        self, method: Method, arguments: tuple[Any, ...], parent: Context | None
    ) -> Context:
        if parent is None:
            parent = self._outside()
        if parent.transaction is not None and parent.transaction.is_running:
            raise CallInTransaction(method.full_name)
        wishes = self._wishes or NO_WISHES
        seconds = [s for s in (method.deadline_seconds, wishes.deadline_seconds) if s is not None]
        if parent.deadline == math.inf and not seconds:
            seconds = [STREAM_SECONDS_DEFAULT if method.is_streaming else DEADLINE_SECONDS_DEFAULT]
        deadline, watch = parent.deadline, parent.watch
        if seconds:
            deadline, watch = min(deadline, self._clock.monotonic() + min(seconds)), None
        key = None
        if method.is_keyed:
            encoded = encode_arguments(method, arguments)  # refused here, before anything is asked
            key = _key(wishes.key, method, encoded, parent)
        return Context(
            caller=parent.caller,
            correlation_id=parent.correlation_id,
            trace_id=parent.trace_id,
            span_id=new_span_id(),
            deadline=deadline,
            method=method.full_name,
            key=key,
            via=self._via,
            watch=watch,
        )

    def _outside(self) -> Context:
        """The beginning of a request that comes from no execution of outgrow."""
        return Context(
            caller=self._caller,
            correlation_id=new_id(),
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            deadline=math.inf,
        )


def _key(wished: str | None, method: Method, encoded: bytes, parent: Context) -> str:
    """
    What is wished for, or a key that a rerun of the parent derives again.

    A new one, if nothing can run again.

    Raises:
        ArgumentsRefused: What is wished for cannot be a key.
    """
    if wished is not None:
        return check_key(method, wished)
    if parent.key is None and not parent.method:
        return new_id()
    return parent.derive_key(method.full_name, encoded)


async def _answered(
    answer: Awaitable[Any],
    parent: Context,
    method: Method,
    arguments: tuple[Any, ...],
    key: str,
) -> Any:
    """The answer; without one, the parent's next equal call is the same call again."""
    try:
        return await answer
    except Problem:
        raise
    except BaseException:
        parent.leave_unanswered(method.full_name, encode_arguments(method, arguments), key)
        raise


def using(client: T, *, key: str | None = None, deadline: float | None = None) -> T:
    """
    The same client with wishes for the calls made with it.

    ``await using(orders, key="order-7", deadline=2.0).place_order(...)``

    Args:
        client: A client, as services hold and `Application.client` gives.
        key: The idempotency key of commands called with it: a repeat of the same command under the
            same key has no second effect and gets the first reply. Any text of 1 to 255
            characters, without control characters.
        deadline: Seconds until the caller gives up; never later than the caller's own deadline,
            nor than the method's.

    Raises:
        TypeError: *client* is no client of outgrow.
    """
    if not isinstance(client, Client):
        message = f"using() takes a client of a contract, not {type(client).__name__}"
        raise TypeError(message)
    wished: Any = copy.copy(client)
    wished.__class__ = client._unusual  # noqa: SLF001 - the same file
    wished._wishes = Wishes(key=key, deadline_seconds=deadline)  # noqa: SLF001 - the same file
    return wished  # type: ignore[no-any-return]


def connect(client: Client) -> None:
    """Bind the client's methods to the other side; only then can it be called."""
    client._connect()  # noqa: SLF001 - the same file


def client_class(model: ContractModel) -> type[Client]:
    """
    The class of the clients of a contract: a subclass of the contract too.

    Its source is generated, with the exact signatures of the contract, and registered so that
    tracebacks show it.
    """
    names: dict[str, Any] = {
        "Client": Client,
        "Contract": model.contract,
        "Context": Context,
        "current": current,
        "new_span_id": new_span_id,
        "check": _check,
        "Given": Given,
    }
    lines = [f"class {model.name}Client(Client, Contract):", "    pass"]
    wishing = [f"class {model.name}Wishes({model.name}Client):", "    pass"]
    for n, method in enumerate(model.methods.values()):
        names[f"method_{n}"] = method
        for parameter in method.parameters:
            names[f"default_{n}_{parameter.name}"] = parameter.default
            names[f"check_{n}_{parameter.name}"] = compile_check(parameter.shape)
        head, unusual, usual = _method_source(n, method, names)
        is_usual = method.deadline_seconds is None and not (method.is_keyed or method.is_streaming)
        lines += head + (usual if is_usual else [f"        {unusual}"])
        wishing += [*head, f"        {unusual}"]
    source = "\n".join([*lines, "", *wishing]) + "\n"
    filename = f"<client of {model.service}.{model.name} #{zlib.crc32(source.encode()):08x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compiled(source, filename), names)  # noqa: S102 - made from checked identifiers
    made: type[Client] = names[f"{model.name}Client"]
    made._unusual = names[f"{model.name}Wishes"]  # noqa: SLF001 - the same file
    return made


def _method_source(
    n: int, method: Method, names: dict[str, Any]
) -> tuple[list[str], str, list[str]]:
    """The source of one method: its head, the unusual call, and the usual one written out."""
    signature = "".join(
        f", {p.name}" + ("" if p.default is msgspec.NODEFAULT else f"=default_{n}_{p.name}")
        for p in method.parameters
    )
    arguments = "".join(f"{p.name}, " for p in method.parameters)
    head = [f"    def {method.name}(self{signature}):"]
    for p in method.parameters:
        told = f"method_{n}, {p.name!r}"
        if p.is_stream:
            head.append(f"        {p.name} = Given({told}, {p.name}, check_{n}_{p.name})")
        elif names[f"check_{n}_{p.name}"] is not None:
            head.append(f"        check({told}, check_{n}_{p.name}, {p.name})")
    call = "_stream" if method.is_reply_stream else "_call"
    unusual = f"return self.{call}(method_{n}, ({arguments}))"
    usual = [
        "        parent = current(None)",
        "        if parent is None or parent.transaction is not None:",
        f"            {unusual}",
        f"        return self._invoke_{method.name}(Context(",
        "            parent.caller, parent.correlation_id, parent.trace_id, new_span_id(),",
        f"            parent.deadline, {method.full_name!r}, None, self._via,",
        f"            None, parent.watch), {arguments})",
    ]
    return head, unusual, usual


def _check(method: Method, name: str, check: Callable[[Any], None], value: Any) -> None:
    try:
        check(value)
    except LimitBroken as broken:
        place = name + broken.place
        raise ArgumentsRefused(method.full_name, [(place, broken.problem)]) from None
