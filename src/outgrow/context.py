"""
Who asks, until when, under which key and trace.

Every execution of a method or handler has one `Context`. It is set by the reception that lets the
call in, and travels with the calls, events and sends that come out of it.
"""

from __future__ import annotations

import contextvars
import hashlib
import itertools
import os
import secrets
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

ALL_PERMISSIONS = frozenset({"*"})


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who stands at the beginning of the request; calls between services keep it.

    Attributes:
        kind: ``anonymous``, ``user``, ``service`` or ``system``.
        subject: The caller's name, unique within its kind; empty for anonymous.
        permissions: What it may do; ``*`` is everything.
        tenant: The tenant that it belongs to, if the application has tenants.
    """

    kind: Literal["anonymous", "user", "service", "system"] = "anonymous"
    subject: str = ""
    permissions: frozenset[str] = frozenset()
    tenant: str | None = None

    def may(self, permission: str) -> bool:
        """Whether the caller has *permission*."""
        return permission in self.permissions or "*" in self.permissions

    def __str__(self) -> str:
        return f"{self.kind} {self.subject!r}" if self.subject else self.kind


SYSTEM = Caller(kind="system", subject="outgrow", permissions=ALL_PERMISSIONS)


class Context(msgspec.Struct):
    """
    The execution that is going on.

    Attributes:
        caller: Who stands at the beginning of the request.
        correlation_id: One id for everything that comes out of one request.
        trace_id: W3C trace id, a 128-bit number.
        span_id: W3C span id of this execution, a 64-bit number.
        deadline: When the caller gives up, by the application's monotonic clock.
        method: ``service.method`` that is executed; empty outside of any.
        key: The execution's id: the caller's idempotency key, or derived from it.
        via: The service that made the call; empty if it came from outside.
        transaction: The transaction that is open, if any; of a saga's method, its run.
        undoes: The key under which the step of a saga was sent that this call undoes, with its
            method: ``stock.hold 0f3a...``. Nobody knows whether that one arrived.
        waited: Seconds that the call was in this process before it began; None if its transport
            cannot tell.
    """

    caller: Caller
    correlation_id: str
    trace_id: int
    span_id: int
    deadline: float
    method: str = ""
    key: str | None = None
    via: str = ""
    transaction: Any = None
    watch: Any = None
    ordinals: dict[str, int] | None = None
    unanswered: dict[str, list[str]] | None = None
    waited: float | None = None
    undoes: str = ""

    @property
    def traceparent(self) -> str:
        """The W3C ``traceparent`` header of this execution."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    def again(self) -> Context:
        """The context of the same call once more: all that travels, under a span of its own."""
        return msgspec.structs.replace(
            self, span_id=new_span_id(), watch=None, ordinals=None, unanswered=None, waited=None
        )

    def derive_key(self, method: str, arguments: bytes) -> str:
        """
        The key of the next call of *method* with *arguments* from this execution.

        A rerun of this execution derives the same keys for the same calls, so that its children
        are repeats. Equal calls are told apart by their order; one that got no answer and is made
        again is the same call again.

        Args:
            method: ``service.method``.
            arguments: Their canonical encoding.
        """
        call = hashlib.sha256(arguments).hexdigest()
        if self.unanswered is not None and (keys := self.unanswered.get(method + call)):
            return keys.pop(0)
        if self.key is None:
            self.key = new_id()
        if self.ordinals is None:
            self.ordinals = {}
        n = self.ordinals[method + call] = self.ordinals.get(method + call, 0) + 1
        return hashlib.sha256(f"{self.key}\n{method}\n{call}\n{n}".encode()).hexdigest()

    def leave_unanswered(self, method: str, arguments: bytes, key: str) -> None:
        """Give *key* to the next equal call: this one ended, and nobody knows whether it ran."""
        if self.unanswered is None:
            self.unanswered = {}
        call = method + hashlib.sha256(arguments).hexdigest()
        self.unanswered.setdefault(call, []).append(key)


_current: contextvars.ContextVar[Context] = contextvars.ContextVar("outgrow.context")

current = _current.get
enter = _current.set
leave = _current.reset


def context() -> Context:
    """
    The context of the execution that is going on.

    Raises:
        LookupError: Nothing of outgrow is being executed here.
    """
    return _current.get()


class _Noise:
    """The random part of ids, taken from the system in larger pieces, for its calls are slow."""

    def __init__(self) -> None:
        self._pieces: Iterator[str] = iter(())

    def __call__(self) -> str:
        """20 random hexadecimal digits. Threads never get the same ones."""
        piece = next(self._pieces, None)
        while piece is None:
            digits = os.urandom(10 * 256).hex()
            self._pieces = iter([digits[n : n + 20] for n in range(0, len(digits), 20)])
            piece = next(self._pieces, None)
        return piece

    def forget(self) -> None:
        """Draw anew: a forked process must not repeat the ids of its parent."""
        self._pieces = iter(())


_noise = _Noise()
os.register_at_fork(after_in_child=_noise.forget)
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def new_id() -> str:
    """
    A new UUIDv7 as text: unique, and sorted by the millisecond in which it was made.

    Algorithm: RFC 9562, section 5.7.
    """
    moment, noise = f"{time.time_ns() // 1_000_000:012x}", _noise()
    return f"{moment[:8]}-{moment[8:]}-7{noise[:3]}-{_VARIANT[noise[3]]}{noise[4:7]}-{noise[7:19]}"


new_span_id = itertools.count(secrets.randbits(63)).__next__
"""A new W3C span id: unique, because the first of a process is random. It is not a secret."""


def new_trace_id() -> int:
    """A new W3C trace id, a random number that is not zero."""
    return int(_noise() + _noise()[:12], 16) or 1


def parse_traceparent(header: str) -> tuple[int, int] | None:
    """The trace and span id of a W3C ``traceparent`` header, or None if it is not one."""
    parts = header.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16 or parts[0] == "ff":
        return None
    try:
        trace_id, span_id = int(parts[1], 16), int(parts[2], 16)
    except ValueError:
        return None
    return (trace_id, span_id) if trace_id and span_id else None
