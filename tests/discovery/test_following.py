"""What callers make of what a directory says, and what a process says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from outgrow.discovery import Endpoint, Followed, Resolution, StaticDirectory, following, keeping


def endpoint(instance: str, **fields: object) -> Endpoint:
    return Endpoint(
        service="orders",
        address=f"unix:/{instance}",
        process="back",
        instance=instance,
        **fields,  # type: ignore[arg-type]
    )


def told(*endpoints: Endpoint, is_stale: bool = False) -> Resolution:
    return Resolution(endpoints=endpoints, is_stale=is_stale)


def instances(followed: Followed) -> list[str]:
    return [one.instance for one in followed.endpoints]


class Book:
    """A directory that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[tuple[str, bool]]]] = []
        self.changed = asyncio.Event()

    def _note(self, word: str, endpoints: Sequence[Endpoint] = ()) -> None:
        self.told.append((word, [(one.service, one.is_ready) for one in endpoints]))
        self.changed.set()

    async def register(self, endpoints: Sequence[Endpoint]) -> None:
        self._note("register", endpoints)

    async def renew(self) -> None:
        self._note("renew")

    async def resolve(self, service: str) -> Resolution:
        return Resolution()

    async def watch(self, service: str) -> AsyncIterator[Resolution]:
        yield Resolution()

    async def leave(self) -> None:
        self._note("leave")


def test_an_endpoint_that_is_not_ready_is_left_out():
    followed = Followed("orders", lambda _: None)

    followed.take(told(endpoint("a"), endpoint("b", is_ready=False)))

    assert instances(followed) == ["a"]
    assert [one.instance for one in followed.known] == ["a", "b"]


def test_if_none_is_ready_all_are_taken():
    followed = Followed("orders", lambda _: None)

    followed.take(told(endpoint("a", is_ready=False), endpoint("b", is_ready=False)))

    assert instances(followed) == ["a", "b"]


def test_one_without_weight_is_as_good_as_none_that_is_ready():
    followed = Followed("orders", lambda _: None)

    followed.take(told(endpoint("a", weight=0), endpoint("b", is_ready=False)))

    assert instances(followed) == ["a", "b"]


def test_its_generation_grows_only_when_those_that_take_calls_change():
    followed = Followed("orders", lambda _: None)
    generations = []
    for resolution in (
        told(),
        told(endpoint("a")),
        told(endpoint("a"), is_stale=True),
        told(endpoint("a"), endpoint("b", is_ready=False)),
        told(endpoint("a", weight=5), endpoint("b", is_ready=False)),
        told(endpoint("a", weight=5), endpoint("b")),
    ):
        followed.take(resolution)
        generations.append(followed.generation)

    assert generations == [1, 2, 2, 2, 3, 4]


async def test_a_service_is_followed_from_its_first_call_on():
    directory = StaticDirectory([endpoint("a")])
    async with following(directory) as one:
        followed = one.of("orders")
        assert one.statistics() == {}
        assert not followed.is_known
        await asyncio.wait_for(followed.wait_known(), 10)

        assert one.of("orders") is followed
        assert instances(followed) == ["a"]


async def test_a_process_tells_what_is_not_ready_and_leaves_once():
    book = Book()
    offered = [endpoint("a"), Endpoint(service="stock", address="x", process="p", instance="a")]
    async with keeping(book, offered, seconds=60) as keeper:
        await keeper.set_unready({"stock"})
        await keeper.set_unready({"stock"})
        await keeper.set_unready(())
        await keeper.leave()
        await keeper.set_unready({"stock"})

    assert book.told == [
        ("register", [("orders", True), ("stock", True)]),
        ("register", [("orders", True), ("stock", False)]),
        ("register", [("orders", True), ("stock", True)]),
        ("leave", []),
    ]


async def test_a_lease_is_renewed_until_its_process_leaves():
    book = Book()
    async with keeping(book, [endpoint("a")], seconds=0.001):
        async with asyncio.timeout(10):
            while [word for word, _ in book.told].count("renew") < 3:
                book.changed.clear()
                await book.changed.wait()

    assert book.told[0][0] == "register"
    assert book.told[-1][0] == "leave"


async def test_what_is_raised_inside_comes_out_and_the_process_leaves():
    book = Book()

    with pytest.raises(ZeroDivisionError):
        async with keeping(book, [endpoint("a")]):
            raise ZeroDivisionError

    assert book.told[-1] == ("leave", [])
