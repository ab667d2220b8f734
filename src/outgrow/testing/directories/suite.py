"""The suite: all behaviours, for one kind of directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, ClassVar

import pytest

from outgrow.testing.directories.answers import Answers
from outgrow.testing.directories.comings import Comings
from outgrow.testing.directories.leases import Leases
from outgrow.testing.directories.processes import DirectoryPlace, Processes

try:
    from pytest_asyncio import fixture as async_fixture
except ModuleNotFoundError:
    # Without the extra 'testing' the suite cannot run, but it can be looked at.
    async_fixture = pytest.fixture  # type: ignore[assignment]

MakePlace = Callable[[], AbstractAsyncContextManager[DirectoryPlace]]


@pytest.mark.asyncio
class StaticConformance(Answers):
    """
    What every directory does. `directory_conformance` makes a class of it that pytest runs.

    Attributes:
        make: Makes what is tried; once for each behaviour.
    """

    __test__ = False
    make: ClassVar[MakePlace]

    @async_fixture
    async def processes(self) -> AsyncIterator[Processes]:
        """The processes of one behaviour, none of which is there yet."""
        async with (
            type(self).make() as place,
            asyncio.TaskGroup() as tasks,
            AsyncExitStack() as stack,
        ):
            processes = Processes(place, stack, tasks)
            yield processes
            processes.stop()


class DirectoryConformance(StaticConformance, Comings, Leases):
    """What every directory does in which processes register themselves, under leases."""

    __test__ = False


def directory_conformance(make: MakePlace, *, has_leases: bool = True) -> type[StaticConformance]:
    """
    The suite for one kind of directory; a test file needs one line.

    ``TestPigeons = directory_conformance(pigeon_loft)``

    Args:
        make: ``async with make() as place``: what is tried, for one behaviour.
        has_leases: Whether processes register themselves; otherwise only what a directory answers
            is tried that was given all that it knows.
    """
    suite: type[StaticConformance] = DirectoryConformance if has_leases else StaticConformance
    members: dict[str, Any] = {
        "__test__": True,
        "__doc__": "All behaviours that this directory can have.",
        "make": staticmethod(make),
    }
    return type("TestDirectory", (suite,), members)
