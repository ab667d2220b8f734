"""The suite itself: how much it asks, what it leaves out, and what it finds."""

from __future__ import annotations

import pytest

from outgrow.testing.transports import ABILITIES, behaviours, conformance
from tests.calls.transports.callees import HERE_LACKS, Here
from tests.calls.transports.test_grpc_unix import TestGrpcOverUnix as OverUnixSuite
from tests.calls.transports.test_in_process import TestInProcess as InProcessSuite


def asked(suite):
    """The behaviours that pytest runs for *suite*."""
    return {name for name in dir(suite) if name.startswith("test_") and getattr(suite, name)}


def test_the_suite_asks_for_more_than_eighty_behaviours():
    known = behaviours()
    streaming = [name for name, needed in known.items() if "streams" in needed]

    print(f"{len(known)} behaviours, {len(streaming)} of them of streams")  # noqa: T201
    assert len(known) - len(streaming) >= 80
    assert len(streaming) >= 30
    assert asked(OverUnixSuite) == set(known)
    assert not OverUnixSuite.left_out


def test_what_cannot_be_is_left_out_with_its_reason():
    left_out = InProcessSuite.left_out

    assert asked(InProcessSuite) | set(left_out) == set(behaviours())
    assert not asked(InProcessSuite) & set(left_out)
    assert set(left_out.values()) == set(HERE_LACKS.values())
    assert len(asked(InProcessSuite)) >= 80


def test_every_ability_is_needed_by_something():
    needed = {need for needs in behaviours().values() for need in needs}

    assert needed == set(ABILITIES)


@pytest.mark.parametrize("lacks", [{"wings": "it has none"}, {"away": ""}])
def test_what_is_lacking_is_known_and_has_a_reason(lacks):
    with pytest.raises(ValueError, match="give the reason for one of"):
        conformance(Here, lacks=lacks)


def test_a_limit_that_nobody_named_is_left_out():
    suite = conformance(Here)

    assert suite.lacks == {"limit": "the largest message was not named"}
