"""Which methods of a service are sagas, and the versions of their code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from outgrow.contracts import Event, place_of
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
        InvalidService: Two have the same version, or an older version is of no saga.
    """
    codes: dict[tuple[str, int], Code] = {}
    findings = []
    for _, member in inspect.getmembers(service):
        code = code_of(member)
        if code is None:
            continue
        if (code.method, code.version) in codes:
            findings.append(_twice(code))
        codes[code.method, code.version] = code
        if code_of(getattr(service, code.method, None)) is None:
            findings.append(_nameless(code))
    InvalidService.raise_if_any(findings)
    return codes


def heard_by(code: Code) -> set[type[Event]]:
    """The classes of events that the code of a saga names."""
    names = set(code.fn.__code__.co_names)
    found = set()
    for name in names:
        value = code.fn.__globals__.get(name)
        held = [value, *(getattr(value, each, None) for each in names if inspect.ismodule(value))]
        found |= {each for each in held if isinstance(each, type) and issubclass(each, Event)}
    return found - {Event}


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
