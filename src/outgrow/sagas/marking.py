"""Methods become sagas."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from types import CoroutineType
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, overload

from outgrow.context import current
from outgrow.contracts import parse_duration, place_of
from outgrow.errors import (
    CallInTransaction,
    CommandOutsideStep,
    Finding,
    InvalidService,
    KeyReused,
    Overloaded,
    SagaAborted,
    StillRunning,
)
from outgrow.sagas.code import RUNNER, Code, heard_by
from outgrow.sagas.saga import Saga

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

DEADLINE_SECONDS_DEFAULT: Final = 24 * 60 * 60.0
"""How long a saga may take before it is undone, if its code says nothing else."""


class Runner(Protocol):
    """What runs the sagas of a service."""

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Begin or join the saga *method*, and wait for its end."""

    async def start(self, tx: Any, method: str, event: Any) -> None:
        """Write down in *tx* that the saga *method* begins because of *event*."""

    async def hear(self, tx: Any, event: Any) -> None:
        """Write down in *tx* that *event* was heard, for the sagas that wait for it."""


class Marking(Protocol):
    """What `saga` returns if it is given options."""

    def __call__(
        self, fn: Callable[Concatenate[S, Saga, P], Coroutine[Any, Any, R]], /
    ) -> Callable[Concatenate[S, P], CoroutineType[Any, Any, R]]: ...


@overload
def saga(
    fn: Callable[Concatenate[S, Saga, P], Coroutine[Any, Any, R]], /
) -> Callable[Concatenate[S, P], CoroutineType[Any, Any, R]]: ...
@overload
def saga(*, version: int = 1, deadline: str | None = None, name: str | None = None) -> Marking: ...
def saga(
    fn: Any = None, /, *, version: int = 1, deadline: str | None = None, name: str | None = None
) -> Any:
    """
    Let a command span services: ``async def place_order(self, run: Saga, user_id: str)``.

    It is durable: once begun it ends completed or undone, or is stuck and shown to an operator,
    whatever dies meanwhile. What it does stands in steps, each with what undoes it. A problem that
    it raises undoes what it did, and is its reply if the contract declares it. Whatever else goes
    wrong is tried again until its time is over; then it is undone, and its caller gets
    `SagaAborted`.

    Its caller waits until its own deadline, and gets `StillRunning` then; the same key joins it.

    Args:
        version: Of the code. A saga that is under way keeps the version under which it began.
        deadline: After which it is undone, such as ``"30m"``; a day by default.
        name: The method whose older version this is.

    Raises:
        InvalidService: It is no ``async def`` whose second parameter can take the run.
    """

    def mark(function: Any) -> Any:
        signature = _signature_for_callers(function)
        seconds = DEADLINE_SECONDS_DEFAULT if deadline is None else parse_duration(deadline)
        method = name or function.__name__

        @functools.wraps(function)
        async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            context = current(None)
            if context is not None and context.transaction is not None:
                shown = f"{type(self).__qualname__}.{method}"
                if context.transaction.is_running:
                    raise CallInTransaction(shown)
                raise CommandOutsideStep(shown)
            try:
                return await runner_of(self).call(method, args, kwargs)
            except (KeyReused, Overloaded, SagaAborted, StillRunning) as error:
                if context is not None and context.method.rpartition(".")[2] == method:
                    error.method = context.method  # It may be of a later version of a contract.
                raise

        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__outgrow_keyed__ = True  # type: ignore[attr-defined]
        code = Code(method, version, function, seconds)
        run.__outgrow_saga__ = code  # type: ignore[attr-defined]
        run.__outgrow_begin__ = partial(_begin, method)  # type: ignore[attr-defined]
        run.__outgrow_awaited__ = partial(heard_by, code)  # type: ignore[attr-defined]
        run.__outgrow_hear__ = _hear  # type: ignore[attr-defined]
        return run

    return mark if fn is None else mark(fn)


async def _begin(method: str, service: Any, tx: Any, event: Any) -> None:
    """What a handler does that begins sagas."""
    await runner_of(service).start(tx, method, event)


async def _hear(service: Any, tx: Any, event: Any) -> None:
    """What a handler does that lets sagas hear of events."""
    await runner_of(service).hear(tx, event)


def runner_of(service: Any) -> Runner:
    """What runs the sagas of *service*."""
    runner = vars(service).get(RUNNER)
    if runner is None:
        from outgrow.sagas.driving import Engine  # noqa: PLC0415 - for services made by hand

        runner = vars(service)[RUNNER] = Engine.by_hand(service)
    return runner  # type: ignore[no-any-return]


def _signature_for_callers(fn: Any) -> inspect.Signature:
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    takes_run = (
        len(parameters) >= 2
        and all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters[:2])
        and _may_be_saga(parameters[1].annotation)
    )
    if not inspect.iscoroutinefunction(fn) or not takes_run:
        finding = Finding(
            place=place_of(fn),
            message=f"{fn.__qualname__} cannot be given the run of a saga.",
            remedy=f"Write async def {fn.__name__}(self, run: Saga, ...).",
            slug="saga-signature",
        )
        raise InvalidService([finding])
    return signature.replace(parameters=[parameters[0], *parameters[2:]])


def _may_be_saga(hint: Any) -> bool:
    """Whether the hint of a parameter, which may be text or missing, allows a run."""
    if isinstance(hint, str):
        return hint.rpartition(".")[2] == Saga.__name__
    return hint in (Saga, inspect.Parameter.empty)
