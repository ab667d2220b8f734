"""Streams: values that come one after another while a call goes on."""

from __future__ import annotations

import typing
from collections import abc
from typing import Annotated, Any

from outgrow.contracts.shapes.shape import UnknownShape

_NEARLY = {abc.AsyncGenerator, abc.AsyncIterable, abc.AsyncIterator}
_AT_ONCE = {abc.Generator, abc.Iterable, abc.Iterator}


def read_stream(hint: Any) -> tuple[Any, bool]:
    """
    What *hint* is a stream of, and whether it is one; if it is none, *hint* itself.

    Raises:
        UnknownShape: It is a stream, but does not say of what, or says more than that.
    """
    hint = _bare(hint)
    if typing.get_origin(hint) is Annotated and is_meant_as_stream(typing.get_args(hint)[0]):
        message = (
            f"{hint} says something of the stream itself. Say it of each item: "
            "AsyncIterator[Annotated[int, Ge(1)]]"
        )
        raise UnknownShape(message, slug="stream-type")
    if _kind(hint) is not abc.AsyncIterator:
        return hint, False
    if not typing.get_args(hint):
        message = "AsyncIterator does not say of what. Write AsyncIterator[Step]"
        raise UnknownShape(message, slug="stream-type")
    return typing.get_args(hint)[0], True


def is_meant_as_stream(hint: Any) -> bool:
    """Whether *hint* is a stream, or nearly one."""
    return _kind(_bare(hint)) in _NEARLY


def refuse_stream(hint: Any) -> None:
    """
    Refuse an iterator where a value stands.

    Raises:
        UnknownShape: *hint* is one, of whatever kind.
    """
    kind = _kind(hint)
    if kind is abc.AsyncIterator:
        message = (
            f"{_named(hint)} is a stream inside of something else. A stream is what a method "
            "replies with, or one of its parameters, and nothing around it"
        )
        raise UnknownShape(message, slug="stream-place")
    if kind in _NEARLY:
        message = (
            f"{_named(hint)} is no stream of a contract. Write AsyncIterator[...] of its items"
        )
        raise UnknownShape(message, slug="stream-type")
    if kind in _AT_ONCE:
        message = (
            f"{_named(hint)} is no type that a contract can carry. A stream is AsyncIterator[...], "
            "and what is there at once is a list[...]"
        )
        raise UnknownShape(message, slug="stream-type")


def _bare(hint: Any) -> Any:
    """*hint* itself, whatever ``type Steps = ...`` calls it."""
    while hasattr(hint, "__value__") and not isinstance(hint, type):
        hint = hint.__value__
    return hint


def _kind(hint: Any) -> Any:
    kind = typing.get_origin(hint) or hint
    return kind if isinstance(kind, type) else None


def _named(hint: Any) -> str:
    return hint.__qualname__ if typing.get_origin(hint) is None else str(hint)
