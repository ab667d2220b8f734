"""What a contract says about its methods."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Never, ParamSpec, TypeVar

from outgrow.contracts.places import caller_place, place_of
from outgrow.contracts.problems import Problem
from outgrow.errors import Finding, InvalidContract

# Named, because a type checker takes `Contract` for an import that is nobody else's business.
__all__ = [
    "Binding",
    "Contract",
    "Declaration",
    "command",
    "contracts_of",
    "declaration_of",
    "is_contract",
    "parse_binding",
    "query",
]

P = ParamSpec("P")
R = TypeVar("R")

_WORDS = {
    "query": ("http", "allow", "raises", "deadline"),
    "command": ("http", "allow", "raises", "deadline", "repeat"),
}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+|\{[a-z_][a-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class Binding:
    """
    Where a method is found over HTTP.

    Attributes:
        verb: The HTTP method.
        path: The path, its parameters in braces.
    """

    verb: str
    path: str

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the path, in order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))


def parse_binding(text: str) -> Binding:
    """
    The binding that *text*, such as ``"GET /orders/{order_id}"``, means.

    Raises:
        ValueError: It is no verb and path.
    """
    verb, _, path = text.partition(" ")
    segments = path.removeprefix("/").split("/") if path != "/" else []
    good = path.startswith("/") and all(_SEGMENT.fullmatch(segment) for segment in segments)
    if verb not in VERBS or not good:
        message = (
            f"{text!r} is no HTTP binding. Write a verb ({', '.join(VERBS)}) and a path with its "
            'parameters in braces, such as "GET /orders/{order_id}".'
        )
        raise ValueError(message)
    return Binding(verb, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The words of a `query` or `command` decorator, as they were written."""

    kind: Literal["query", "command"]
    http: str | None
    allow: str | None
    raises: tuple[type[Problem], ...]
    deadline: str | None
    repeat: Literal["safe", "idempotent", "unsafe"]


def query(
    http: str | None = None,
    *,
    allow: str | None = None,
    raises: Sequence[type[Problem]] = (),
    deadline: str | None = None,
    **unknown: Never,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Declare a method that changes nothing and may be repeated at will.

    Args:
        http: Verb and path, such as ``"GET /orders/{order_id}"``; without it only other services
            reach the method.
        allow: The permission that a caller from outside needs; None lets everyone in.
        raises: The problems that are among its replies.
        deadline: The longest that it may take, such as ``"2s"``; 10 s if nothing is said.
    """
    _refuse_words("query", unknown)
    return _declare(
        Declaration(
            kind="query",
            http=http,
            allow=allow,
            raises=_problems(raises),
            deadline=deadline,
            repeat="safe",
        )
    )


def command(
    http: str | None = None,
    *,
    allow: str | None = None,
    raises: Sequence[type[Problem]] = (),
    deadline: str | None = None,
    repeat: Literal["idempotent", "unsafe"] = "idempotent",
    **unknown: Never,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Declare a method that changes something.

    Its promise to the caller: the same key has one effect, and every repeat gets the first reply.

    Args:
        http: Verb and path, such as ``"POST /orders"``; without it only other services reach the
            method.
        allow: The permission that a caller from outside needs; None lets everyone in.
        raises: The problems that are among its replies.
        deadline: The longest that it may take, such as ``"2s"``; 10 s if nothing is said.
        repeat: ``"unsafe"`` promises nothing about repeats: the method is never repeated by
            outgrow unless it certainly has not run.
    """
    _refuse_words("command", unknown, repeat)
    return _declare(
        Declaration(
            kind="command",
            http=http,
            allow=allow,
            raises=_problems(raises),
            deadline=deadline,
            repeat=repeat,
        )
    )


def _refuse_words(decorator: str, unknown: Mapping[str, Any], repeat: str = "idempotent") -> None:
    """Refuse what a decorator was given and does not know."""
    place = caller_place(2)
    known = _WORDS[decorator]
    findings = [
        Finding(
            place=place,
            message=f"@{decorator}() was given {name}={value!r}, which it does not know.",
            remedy="A query may always be repeated; leave it out."
            if (decorator, name) == ("query", "repeat")
            else f"It knows: {', '.join(known)}.",
            slug="decorator-word",
        )
        for name, value in unknown.items()
    ]
    if repeat not in ("idempotent", "unsafe"):
        findings.append(
            Finding(
                place=place,
                message=f"@{decorator}() promises repeat={repeat!r}.",
                remedy="A command is 'idempotent', so that a repeat under the same key has no "
                "second effect, or 'unsafe'.",
                slug="repeat-unknown",
            )
        )
    InvalidContract.raise_if_any(findings)


def _problems(raises: Any) -> tuple[type[Problem], ...]:
    """What was given as ``raises``; one problem may stand there without a list."""
    return (raises,) if isinstance(raises, type) else tuple(raises)


def _declare(declaration: Declaration) -> Callable[[Callable[P, R]], Callable[P, R]]:
    marked: Any = declaration.http
    if callable(marked):
        finding = Finding(
            place=place_of(marked),
            message=f"{marked.__qualname__} is marked without brackets.",
            remedy=f"Write @{declaration.kind}().",
            slug="decorator-brackets",
        )
        raise InvalidContract([finding])

    def mark(method: Callable[P, R]) -> Callable[P, R]:
        method.__outgrow_declaration__ = declaration  # type: ignore[attr-defined]
        return method

    return mark


def declaration_of(method: Any) -> Declaration | None:
    """What was declared about *method*, or None if it is an ordinary one."""
    return getattr(method, "__outgrow_declaration__", None)


if TYPE_CHECKING:
    # To a type checker a contract is a protocol: missing methods and wrong fakes are found, plain
    # fakes are accepted, and methods whose body is `...` need no `abstractmethod`.
    from typing import Protocol as Contract
else:

    class Contract:
        """
        What a service promises to others.

        A direct subclass in a service's ``contract`` module, its methods marked `query` or
        `command`. The service's class derives from it and implements them.
        """

        __outgrow_version__ = 1

        def __init_subclass__(cls, *, version: int = 1) -> None:
            if Contract in cls.__bases__:
                InvalidContract.raise_if_any(_version_findings(cls, version))
                cls.__outgrow_version__ = version


def _version_findings(cls: type, version: Any) -> list[Finding]:
    if type(version) is int and version >= 1:
        return []
    return [
        Finding(
            place=caller_place(2),
            message=f"contract {cls.__name__} has the version {version!r}.",
            remedy=f"A version is a whole number, 1 at first: class {cls.__name__}V2(Contract, "
            "version=2).",
            slug="contract-version",
        )
    ]


def is_contract(cls: Any) -> bool:
    """Whether *cls* is a contract: a direct subclass of `Contract`, not a service."""
    return isinstance(cls, type) and Contract in cls.__bases__


def contracts_of(cls: type) -> list[type]:
    """The contracts that *cls* implements, nearest first."""
    return [base for base in cls.__mro__ if is_contract(base)]
