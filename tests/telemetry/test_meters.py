"""Meters count in powers of two, and never forget."""

from __future__ import annotations

import pytest

from outgrow.telemetry import Meters
from outgrow.telemetry.meters import METERS_MAX


def test_a_new_meter_has_counted_nothing() -> None:
    meters = Meters()
    meters.meter("a.b")

    statistics = meters.statistics()["a.b"]

    assert (statistics.calls, statistics.in_flight, statistics.p99_seconds_max) == (0, 0, 0.0)


def test_quantiles_are_exact_to_a_factor_of_two() -> None:
    meters = Meters()
    meter = meters.meter("a.b")
    for nanoseconds in [1_000] * 98 + [1_000_000] * 2:
        meter.started += 1
        meter.histogram[nanoseconds.bit_length()] += 1

    statistics = meters.statistics()["a.b"]

    assert statistics.calls == 100
    assert 1e-6 <= statistics.p50_seconds_max <= 2.1e-6
    assert 1e-3 <= statistics.p99_seconds_max <= 2.1e-3


def test_there_is_a_limit_to_what_is_measured() -> None:
    meters = Meters()
    for n in range(METERS_MAX):
        meters.meter(str(n))

    assert meters.meter("0") is meters.meter("0")
    with pytest.raises(OverflowError):
        meters.meter("one more")
