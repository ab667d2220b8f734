"""The suite: all behaviours, for one transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import pytest

from outgrow.testing.transports.bench import ABILITIES, Bench, MakeCallee
from outgrow.testing.transports.contexts import Contexts
from outgrow.testing.transports.crowds import Crowds
from outgrow.testing.transports.endings import Endings
from outgrow.testing.transports.giving import Conversations, GivenStreams
from outgrow.testing.transports.lives import Lives
from outgrow.testing.transports.streams import BrokenStreams, Streams
from outgrow.testing.transports.times import Times
from outgrow.testing.transports.values import Values

try:
    from pytest_asyncio import fixture as async_fixture
except ModuleNotFoundError:
    # Without the extra 'testing' the suite cannot run, but it can be looked at.
    async_fixture = pytest.fixture  # type: ignore[assignment]


@pytest.mark.asyncio
class TransportConformance(
    Values,
    Endings,
    Times,
    Contexts,
    Crowds,
    Lives,
    Streams,
    BrokenStreams,
    GivenStreams,
    Conversations,
):
    """
    What every transport does. `conformance` makes a class of it that pytest runs.

    Attributes:
        make: Makes the other side.
        lacks: What the transport has not, with the reason; its behaviours are not run.
        message_bytes_max: The largest message; None if there is no limit.
    """

    make: ClassVar[MakeCallee]
    lacks: ClassVar[Mapping[str, str]] = {}
    message_bytes_max: ClassVar[int | None] = None

    @async_fixture
    async def bench(self) -> AsyncIterator[Bench]:
        """Caller and callee, connected."""
        async with AsyncExitStack() as stack:
            bench = Bench(type(self).make, stack, self.message_bytes_max)
            await bench.open()
            yield bench


def behaviours() -> dict[str, tuple[str, ...]]:
    """The names of all behaviours, and the abilities that each of them needs."""
    return {
        name: getattr(one, "__needs__", ())
        for cls in TransportConformance.__mro__
        for name, one in vars(cls).items()
        if name.startswith("test_")
    }


def conformance(
    make: MakeCallee,
    *,
    message_bytes_max: int | None = None,
    lacks: Mapping[str, str] | None = None,
) -> type[TransportConformance]:
    """
    The suite for one transport, in one line of a test file.

    ``TestPigeons = conformance(Pigeonry, message_bytes_max=1_000_000)``

    Args:
        make: Makes the callee's side: ``make(reception, models, clock)``.
        message_bytes_max: The largest message; ``lacks["limit"]`` says why there is none.
        lacks: What the transport has not, of `ABILITIES`, and why. The behaviours that need it are
            no tests of the suite; the class tells them as ``left_out``.

    Raises:
        ValueError: Something is lacking that is no ability, or without a reason.
    """
    reasons = dict(lacks or {})
    if message_bytes_max is None and "limit" not in reasons:
        reasons["limit"] = "the largest message was not named"
    for ability, reason in reasons.items():
        if ability not in ABILITIES or not reason:
            message = f"lacks[{ability!r}]={reason!r}: give the reason for one of {[*ABILITIES]}"
            raise ValueError(message)
    left_out = {
        name: reasons[need]
        for name, needed in behaviours().items()
        for need in needed
        if need in reasons
    }
    members: dict[str, Any] = {
        "__doc__": "All behaviours that this transport can have.",
        "make": staticmethod(make),
        "lacks": reasons,
        "left_out": left_out,
        "message_bytes_max": message_bytes_max,
        **dict.fromkeys(left_out),
    }
    return type("TestTransport", (TransportConformance,), members)
