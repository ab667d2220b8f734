"""What is wrong with how a method streams."""

from __future__ import annotations

import inspect
from typing import Any

from msgspec import NODEFAULT

from outgrow.contracts.declarations import Declaration
from outgrow.contracts.model import Parameter
from outgrow.contracts.reading.bindings import Find
from outgrow.contracts.shapes import is_meant_as_stream


def check_definition(function: Any, name: str, reply_hint: Any, place: str, find: Find) -> bool:
    """Whether *function* is written with the ``def`` that its reply asks for."""
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if is_meant_as_stream(reply_hint) and is_async:
        find(
            place,
            f"{name} replies with a stream and is 'async def'.",
            f"In a contract write 'def {name.rpartition('.')[2]}(...) -> AsyncIterator[...]: ...': "
            "nothing is awaited before the first item. Its service writes 'async def' and yields.",
            "stream-async",
        )
        return False
    if not is_meant_as_stream(reply_hint) and not inspect.iscoroutinefunction(function):
        find(
            place,
            f"{name} is not 'async def'.",
            "Every method may become remote, so every method is awaited. Only one that replies "
            "with a stream is 'def', and says '-> AsyncIterator[...]'.",
            "method-not-async",
        )
        return False
    return True


def check_streams(
    name: str,
    declaration: Declaration,
    parameters: tuple[Parameter, ...],
    place: str,
    find: Find,
    *,
    is_reply_stream: bool,
) -> None:
    """Whether the method *name* can stream as it says."""
    streams = [parameter.name for parameter in parameters if parameter.is_stream]
    if len(streams) > 1:
        find(
            place,
            f"{name} takes {len(streams)} streams: {', '.join(streams)}.",
            "A call carries one stream each way. Let one stream carry items of both kinds: a "
            "union of records with a tag each.",
            "stream-twice",
        )
    for parameter in parameters:
        if parameter.is_stream and parameter.default is not NODEFAULT:
            find(
                place,
                f"the stream {parameter.name!r} of {name} has a default.",
                "A stream is always given; one without items is an empty one. Leave the default "
                "out.",
                "stream-default",
            )
    if (streams or is_reply_stream) and declaration.repeat == "idempotent":
        find(
            place,
            f"command {name} streams, and promises one effect for one key.",
            "Nobody can keep a stream to give it again as the first reply, or compare it with "
            'that of a repeat. Say repeat="unsafe", or take and return a list.',
            "stream-keyed",
        )
