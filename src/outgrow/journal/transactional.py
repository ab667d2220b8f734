"""Methods that run in one transaction of their service's store."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar

from outgrow.calls import bind_arguments, encode_arguments, hash_arguments
from outgrow.context import Context, current
from outgrow.contracts import (
    Method,
    Problem,
    contracts_of,
    encode_ordered,
    place_of,
    read_contract,
    resolve_hints,
)
from outgrow.errors import CommandOutsideStep, Finding, InvalidService
from outgrow.journal.inbox import Keyed, Replies, run_once
from outgrow.store import Store, Transaction

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_CLAIMED = "\n"
"""Stands among the ordinals of a context whose own key is taken; no method has such a name."""


def transactional(
    fn: Callable[Concatenate[S, Transaction, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, P], CoroutineType[Any, Any, R]]:
    """
    Run a method in one transaction: ``async def charge(self, tx, order_id, cents)``.

    Its effect, the events and sends that it records, and under a key the reply are one commit. A
    repeat under the same key has no effect and gets the first reply; a problem that the contract
    declares is a reply too, and what the method did until then is undone. Anything else that it
    raises is not remembered, and nothing of it is kept.

    The method may wait for its transaction and for nothing else. Called from inside another
    transactional method of the same service, it joins that one's transaction. It commits even if
    its caller gives up once it has begun.

    Raises:
        InvalidService: It is no ``async def`` whose second parameter can take the transaction.
    """
    signature = _signature_for_callers(fn)
    plans: dict[type, _Plan] = {}

    @functools.wraps(fn)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        plan = plans.get(type(self))
        if plan is None:
            plan = plans[type(self)] = _Plan(type(self), fn, run, signature)
        store = store_of(self)

        async def unit(tx: Transaction) -> Any:
            return await fn(self, tx, *args, **kwargs)

        context = current(None)
        if context is None or context.key is None or not plan.is_keyed:
            return await store.transact(unit)
        if context.transaction is not None and _joins(context, store, fn.__name__):
            return await store.transact(unit)
        keyed, arguments, replies = plan.keyed(context, store.service, args, kwargs)
        try:
            late = bool(context.undoes) and _is_plain(type(self), context.undoes)
            return await run_once(store, keyed, replies, unit, context.undoes, may_be_late=late)
        except Problem:
            raise
        except BaseException:
            if keyed.key != context.key:
                context.leave_unanswered(keyed.method, arguments, keyed.key)
            raise

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__outgrow_keyed__ = True  # type: ignore[attr-defined]
    run.__outgrow_transactional__ = True  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]


class _Plan:
    """What is known of a transactional method in one class of services."""

    def __init__(
        self, service: type, fn: Callable[..., Any], run: Any, signature: inspect.Signature
    ) -> None:
        self._name = fn.__name__
        self._signature = signature
        self._methods = _methods_of(service, fn.__name__)
        self._method = next(iter(self._methods.values()), None)
        # A class below may override the method by a plain one that calls it: then the key belongs
        # to the plain one, whose reply is remembered by the reception.
        self._is_named = getattr(service, fn.__name__, None) is run
        self.is_keyed = self._method is None or self._method.is_keyed
        if self._method is not None:
            self._replies = {
                name: Replies(name, method.reply_hint, method.problems)
                for name, method in self._methods.items()
            }
        else:
            hint = resolve_hints(fn).get("return", Any)
            name = f"{service.__qualname__}.{fn.__name__}"
            self._replies = {"": Replies(name, hint, {})}

    def keyed(
        self, context: Context, service: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Keyed, bytes, Replies]:
        """The inbox's name for this execution, its arguments, and how its replies are written."""
        method = self._methods.get(context.method, self._method)
        name = f"{service}.{self._name}" if method is None else method.full_name
        replies = self._replies["" if method is None else name]
        arguments = self._arguments(method, args, kwargs)
        key = context.key if self._is_named and _claim(context, name) else None
        if key is None:
            key = context.derive_key(name, arguments)
        keyed = Keyed.of(name, context.caller, key, hash_arguments(arguments))
        return keyed, arguments, replies

    def _arguments(
        self, method: Method | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bytes:
        if method is not None:
            if kwargs or len(args) != len(method.parameters):
                args = bind_arguments(method, args, kwargs)
            return encode_arguments(method, args)
        bound = self._signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        return encode_ordered(list(bound.arguments.values())[1:], "sorted")


def _is_plain(service: type, undoes: str) -> bool:
    """Whether the step that is undone is neither transactional nor a saga."""
    method = undoes.partition(" ")[0]
    do = getattr(service, method.rpartition(".")[2], None)
    return do is not None and not getattr(do, "__outgrow_keyed__", False)


def _claim(context: Context, name: str) -> bool:
    """Whether the context's own key is for *name* and still free; it is taken then."""
    if context.method != name:
        return False
    if context.ordinals is None:
        context.ordinals = {}
    if _CLAIMED in context.ordinals:
        return False
    context.ordinals[_CLAIMED] = 1
    return True


def _joins(context: Context, store: Store, name: str) -> bool:
    """
    Whether what is called in *context* joins the transaction that is open there.

    Raises:
        CommandOutsideStep: A saga called it, and not in a step.
    """
    if context.transaction.is_running:
        return True
    if context.transaction.ask is not None:
        raise CommandOutsideStep(f"{store.service}.{name}")
    return False


def _methods_of(service: type, name: str) -> dict[str, Method]:
    """What the method *name* of a class keeps, in each version of its contract that has it."""
    models = [read_contract(contract) for contract in contracts_of(service)]
    methods = [model.methods[name] for model in models if name in model.methods]
    return {method.full_name: method for method in methods}


def store_of(service: Any) -> Store:
    """
    The store that *service* owns.

    Raises:
        InvalidService: It has none, or several.
    """
    stores = [value for value in vars(service).values() if isinstance(value, Store)]
    if len(stores) == 1:
        return stores[0]
    cls = type(service)
    finding = Finding(
        place=place_of(cls),
        message=f"{cls.__qualname__} has a transactional method and {len(stores)} stores.",
        remedy="A service owns one store. Give it a field: store: Store.",
        slug="service-store",
    )
    raise InvalidService([finding])


def _signature_for_callers(fn: Any) -> inspect.Signature:
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    takes_transaction = (
        len(parameters) >= 2
        and all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters[:2])
        and _may_be_transaction(parameters[1].annotation)
    )
    if inspect.isasyncgenfunction(fn):
        finding = Finding(
            place=place_of(fn),
            message=f"{fn.__qualname__} streams, and is marked @transactional.",
            remedy="A stream lasts as long as its other end likes, and others wait for a "
            "transaction. Commit items by themselves: call a @transactional method for each.",
            slug="stream-transactional",
        )
        raise InvalidService([finding])
    if not inspect.iscoroutinefunction(fn) or not takes_transaction:
        finding = Finding(
            place=place_of(fn),
            message=f"{fn.__qualname__} cannot be given a transaction.",
            remedy=f"Write async def {fn.__name__}(self, tx: Transaction, ...).",
            slug="transactional-signature",
        )
        raise InvalidService([finding])
    return signature.replace(parameters=[parameters[0], *parameters[2:]])


def _may_be_transaction(hint: Any) -> bool:
    """Whether the hint of a parameter, which may be text or missing, allows a transaction."""
    if isinstance(hint, str):
        return hint.rpartition(".")[2] == Transaction.__name__
    return hint in (Transaction, inspect.Parameter.empty)


def is_transactional(method: Any) -> bool:
    """Whether *method* was marked `transactional`."""
    return getattr(method, "__outgrow_transactional__", False) is True
