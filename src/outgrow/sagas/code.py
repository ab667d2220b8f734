"""Which methods of a service are sagas, and the versions of their code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from itertools import chain
from types import CodeType
from typing import Any, Final, NamedTuple

from outgrow.contracts import Event, place_of, service_name
from outgrow.errors import Finding, InvalidService

RUNNER: Final = "__outgrow_sagas__"
"""Where a service's object keeps what runs its sagas; put there when the service is built."""


class Code(NamedTuple):
    """
    One version of one saga.

    Attributes:
        method: The name of the method whose calls it runs.
        fn: What is written: ``async def place_order(self, run, ...)``.
        deadline_seconds: After which it is undone.
    """

    method: str
    version: int
    fn: Callable[..., Coroutine[Any, Any, Any]]
    deadline_seconds: float


def code_of(method: Any) -> Code | None:
    """What *method* runs, if it was marked `saga`."""
    return getattr(method, "__outgrow_saga__", None)


def codes_of(service: type) -> dict[tuple[str, int], Code]:
    """
    The sagas of a class of services, by method and version.

    Raises:
        InvalidService: Two have the same version, or an older version is of no saga, or listens.
    """
    codes: dict[tuple[str, int], Code] = {}
    findings = []
    for name, member in inspect.getmembers(service):
        code = code_of(member)
        if code is None:
            continue
        if (code.method, code.version) in codes:
            findings.append(_twice(code))
        codes[code.method, code.version] = code
        if code_of(getattr(service, code.method, None)) is None:
            findings.append(_nameless(code))
        elif name != code.method and hasattr(member, "__outgrow_events__"):
            findings.append(_listening(code))
    InvalidService.raise_if_any(findings)
    return codes


class Known:
    """
    The sagas of a class of services.

    Attributes:
        codes: By method and version.
        kinds: ``service.method`` and version of each.
        hearing: Those of them that wait for events.
        heard: The events that the service listens to for them.

    Raises:
        InvalidService: As for `codes_of`.
    """

    def __init__(self, service: type) -> None:
        self.codes = codes_of(service)
        name = service_name(service.__module__)
        heard = {
            (f"{name}.{code.method}", code.version): heard_by(code, service)
            for code in self.codes.values()
        }
        self.kinds = frozenset(heard)
        self.hearing = frozenset(kind for kind, events in heard.items() if events)
        self.heard = frozenset(chain(*heard.values()))

    def newest(self) -> dict[str, Code]:
        """The code that new sagas run, by method."""
        in_order = sorted(self.codes.values(), key=lambda code: code.version)
        return {code.method: code for code in in_order}


def heard_by(code: Code, service: type) -> frozenset[type[Event]]:
    """The classes of events that the code of a saga waits for, as far as it names them."""
    found: set[type[Event]] = set()
    seen: set[Any] = set()
    functions: list[Any] = [code.fn]
    while functions:
        function = functions.pop()
        if function in seen:
            continue
        seen.add(function)
        for body in _bodies(function.__code__):
            found |= _events_of(function, body) if "until" in body.co_names else set()
            functions += _helpers_of(service, function, body.co_names)
    return frozenset(found)


def _bodies(code: CodeType) -> Iterator[CodeType]:
    """*code*, and that of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _bodies(constant)


def _events_of(function: Any, body: CodeType) -> set[type[Event]]:
    names = (*body.co_names, *body.co_freevars)
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    values = [known[name] for name in names if name in known]
    for value in list(values):
        if inspect.ismodule(value) or isinstance(value, type):
            values += [getattr(value, name, None) for name in names]
    events = {value for value in values if isinstance(value, type) and issubclass(value, Event)}
    return events - {Event}


def _helpers_of(service: type, function: Any, names: tuple[str, ...]) -> list[Any]:
    """The functions beside a saga, and plain methods of its class, that its code names."""
    beside = [function.__globals__.get(name) for name in names]
    own = [inspect.getattr_static(service, name, None) for name in names]
    return [
        found
        for found in (*beside, *own)
        if inspect.isfunction(found)
        and not hasattr(found, "__wrapped__")
        and found.__module__ == function.__module__
    ]


def _twice(code: Code) -> Finding:
    return Finding(
        place=place_of(code.fn),
        message=f"{code.fn.__qualname__} is version {code.version} of {code.method}, as another.",
        remedy="Give the newer one the next number: @saga(version=...).",
        slug="saga-version-twice",
    )


def _nameless(code: Code) -> Finding:
    return Finding(
        place=place_of(code.fn),
        message=f"{code.fn.__qualname__} is a version of {code.method}, which is no saga.",
        remedy="Name the method that runs today: @saga(version=..., name='place_order').",
        slug="saga-version-of-none",
    )


def _listening(code: Code) -> Finding:
    return Finding(
        place=place_of(code.fn),
        message=f"{code.fn.__qualname__} is an older version of {code.method}, and listens.",
        remedy=f"New sagas run the code of {code.method}: only that is marked @on(...).",
        slug="saga-version-listens",
    )
