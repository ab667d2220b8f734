"""Faults of single calls and streams, in one process."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from outgrow.calls import using
from outgrow.errors import CallTimedOut, Overloaded, ServiceUnreachable
from outgrow.testing.faults import Book, Fault, Faulty
from outgrow.testing.transports import Bench, conformance
from tests.calls.transports.callees import HERE_LACKS, Here


class Spoilt(Here):
    """Calls in one process, to which things may happen."""

    def __init__(self, reception, models, clock):
        super().__init__(reception, models, clock)
        self.clock, self.book = clock, Book(maps_bytes=True)

    def connect(self, models):
        return Faulty(super().connect(models), self.book, self.clock)


TestNothingIsWrong = pytest.mark.long(conformance(Spoilt, lacks=HERE_LACKS))


@pytest.fixture
async def bench():
    async def count(to):
        for n in range(to):
            yield n

    async with AsyncExitStack() as stack:
        bench = Bench(Spoilt, stack, None)
        await bench.open()
        bench.on("count", count)
        yield bench


def begin(bench, **wishes):
    return bench.callee.book.begin("outside", "transports", Fault(**wishes), "seed")


async def test_a_stream_may_be_refused(bench):
    begin(bench, refusal=1)

    with pytest.raises(Overloaded):
        await anext(bench.client.count(3))

    assert not bench.subject.calls


async def test_a_stream_may_be_cut_before_it_runs_or_after_it_has_begun(bench):
    begin(bench, error=1)
    for _ in range(12):
        with pytest.raises(ServiceUnreachable) as caught:
            await anext(bench.client.count(3))
        assert caught.value.may_have_run is True

    cuts = [throw.cut for throw in bench.callee.book.end("outside", "transports").dice.thrown]
    assert set(cuts) == {"before", "after"}
    assert len(bench.subject.calls) == cuts.count("after")


@pytest.mark.parametrize("fault", ["black_hole", "half_open"])
async def test_a_stream_whose_bytes_are_lost_ends_at_its_deadline(bench, fault):
    begin(bench, **{fault: True})

    with pytest.raises(CallTimedOut) as caught:
        await anext(using(bench.client, deadline=0.05).count(3))

    assert caught.value.may_have_run is True
    assert len(bench.subject.calls) == (fault == "half_open")


async def test_all_is_well_afterwards(bench):
    begin(bench, refusal=1)
    bench.callee.book.end("outside", "transports")

    assert [n async for n in bench.client.count(3)] == [0, 1, 2]
