"""A method's arguments as one value: for keys, hashes and commands that are sent later."""

from __future__ import annotations

import enum
import functools
import hashlib
import re
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from outgrow.contracts import (
    Check,
    LimitBroken,
    Method,
    NotFinite,
    Parameter,
    compile_check,
    contracts_of,
    convert,
    encode_ordered,
    lowering,
    read_contract,
)
from outgrow.errors import ArgumentsRefused, EventUnreadable

KEY_CHARACTERS_MAX: Final = 255
"""How long an idempotency key, or the key of an event, may be."""

_NO_KEY = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, which no store and no log keeps well, and halves of surrogate pairs."""

_EXACT = frozenset({bool, int, str, bytes, type(None), UUID, date, time, timedelta})
"""Types whose values, if they are equal, are the same."""


def encode_arguments(method: Method, arguments: tuple[Any, ...]) -> bytes:
    """
    The arguments by name as canonical JSON: keys sorted, and what is its default left out.

    What only equals its default (``-0.0`` and ``0.0``) is kept. A caller that does not know a new
    parameter encodes as one that gives its default.

    Raises:
        ArgumentsRefused: One holds what JSON has not: a float that is infinite or no number, half
            of a surrogate pair, or a thing that is no data.
    """
    lowers = _lowers(method)
    names = _required(method)
    if names is not None:
        named = dict(zip(names, arguments, strict=True))
    else:
        named = {
            parameter.name: argument
            for parameter, argument in zip(method.parameters, arguments, strict=True)
            if argument is not parameter.default and not _says_default(parameter, argument, lowers)
        }
    try:
        for name in lowers.keys() & named.keys():
            named[name] = lowers[name](named[name])
        return encode_ordered(named, "sorted")
    except (TypeError, ValueError, OverflowError, AttributeError):
        raise ArgumentsRefused(method.full_name, _findings(named, lowers)) from None


def check_key(method: Method, key: object) -> str:
    """
    *key*, if a command can be remembered under it: any text of 1 to 255 characters.

    Raises:
        ArgumentsRefused: It is none, empty or too long, or holds control characters.
    """
    problem = f"it is of type {type(key).__name__}"
    if isinstance(key, str):
        problem = key_problem(key)
        if not problem:
            return key
    message = (
        f"{problem}. A key is a text of 1 to {KEY_CHARACTERS_MAX} characters, of any kind but "
        "control characters, such as 'visit-17-dune'; leave it out, and each call is another one"
    )
    raise ArgumentsRefused(method.full_name, [("idempotency key", message)])


def key_problem(key: str) -> str:
    """Why *key* cannot be kept as a key, of a command or of an event; empty if it can."""
    if not 0 < len(key) <= KEY_CHARACTERS_MAX:
        return f"it has {len(key)} characters"
    if found := _NO_KEY.search(key):
        return f"it holds {found.group()!r} at place {found.start()}"
    return ""


def _says_default(
    parameter: Parameter, argument: Any, lowers: dict[str, Callable[[Any], Any]]
) -> bool:
    """Whether *argument* would be read as the default if it were left out, digit for digit."""
    default, kind = parameter.default, type(argument)
    if default is msgspec.NODEFAULT or argument != default:
        return False
    if kind is type(default) and (kind in _EXACT or isinstance(argument, enum.Enum)):
        return True
    lower = lowers.get(parameter.name, _same)
    try:
        texts = [encode_ordered(lower(value), "sorted") for value in (argument, default)]
    except (TypeError, ValueError, OverflowError, AttributeError):
        return False  # It is kept, and refused where it is encoded.
    return texts[0] == texts[1]


@functools.lru_cache(maxsize=4_096)
def _lowers(method: Method) -> dict[str, Callable[[Any], Any]]:
    """What must be done to arguments so that equal ones become equal JSON."""
    found = {p.name: lowering(p.shape, "sorted") for p in method.parameters}
    return {name: lower for name, lower in found.items() if lower is not None}


@functools.lru_cache(maxsize=4_096)
def _required(method: Method) -> tuple[str, ...] | None:
    """The names of the parameters, if none of them has a default."""
    if any(p.default is not msgspec.NODEFAULT for p in method.parameters):
        return None
    return tuple(p.name for p in method.parameters)


def _findings(
    named: dict[str, Any], lowers: dict[str, Callable[[Any], Any]]
) -> list[tuple[str, str]]:
    """Why arguments cannot be encoded, by their places."""
    findings = []
    for name, argument in named.items():
        try:
            encode_ordered(lowers.get(name, _same)(argument), "sorted")
        except UnicodeEncodeError:
            findings.append((name, "it holds half of a surrogate pair, which is no text"))
        except NotFinite as error:
            findings.append((f"{name}{error.place}", error.problem))
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            findings.append((name, str(error)))
    return findings


def _same(value: Any) -> Any:
    return value


def decode_arguments(method: Method, body: bytes) -> tuple[Any, ...]:
    """
    The arguments that `encode_arguments` made *body* from.

    Raises:
        EventUnreadable: They do not fit the method any more.
    """
    named = msgspec.json.decode(body)
    try:
        arguments = tuple(_argument(parameter, named) for parameter in method.parameters)
        for n, check in _checks(method):
            check(arguments[n])
    except (msgspec.DecodeError, LimitBroken, KeyError) as error:
        message = f"{method.full_name}: a recorded command does not fit its method: {error!r}"
        raise EventUnreadable(message) from error
    return arguments


@functools.lru_cache(maxsize=4_096)
def _checks(method: Method) -> tuple[tuple[int, Check], ...]:
    """The checks of the parameters' limits, which may be others than when a command was sent."""
    found = [(n, compile_check(p.shape)) for n, p in enumerate(method.parameters)]
    return tuple((n, check) for n, check in found if check is not None)


def _argument(parameter: Parameter, named: dict[str, Any]) -> Any:
    if parameter.name not in named and parameter.default is not msgspec.NODEFAULT:
        return parameter.default
    return convert(named[parameter.name], parameter.hint)


def bind_arguments(
    method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """
    Positional and keyword arguments in the order of the method's parameters, defaults filled in.

    Raises:
        TypeError: They do not fit the signature.
    """
    names = [parameter.name for parameter in method.parameters]
    if len(args) > len(names) or not kwargs.keys() <= set(names[len(args) :]):
        message = f"{method.full_name}() takes {', '.join(names) or 'nothing'}"
        raise TypeError(message)
    given = dict(zip(names, args, strict=False)) | kwargs
    missing = [
        p.name for p in method.parameters if p.name not in given and p.default is msgspec.NODEFAULT
    ]
    if missing:
        message = f"{method.full_name}() misses {', '.join(missing)}"
        raise TypeError(message)
    return tuple(given.get(p.name, p.default) for p in method.parameters)


def hash_arguments(body: bytes) -> bytes:
    """What tells whether a repeat under the same key carries the same arguments."""
    return hashlib.sha256(body).digest()


def method_of(bound: Callable[..., Any]) -> Method:
    """
    The contract's method behind *bound*, a method of a client, or of a fake of the contract.

    Raises:
        TypeError: It is no method of a contract.
    """
    owner = getattr(bound, "__self__", None)
    name = getattr(bound, "__name__", "")
    for contract in contracts_of(type(owner)):
        method = read_contract(contract).methods.get(name)
        if method is not None:
            return method
    message = (
        f"{bound!r} is no method of a contract. Give a method of a client, such as "
        "self.payments.charge, without calling it."
    )
    raise TypeError(message)
