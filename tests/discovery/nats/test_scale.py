"""A directory of 200 services with 10 replicas each; see `benchmarks.discovery_scale`."""

from __future__ import annotations

import pytest

from benchmarks.discovery_scale import figures

BOUNDS = {
    "register": 10,
    "caller.some.memory": 2_048,
    "caller.all.memory": 32_768,
    "caller.some.known_after": 1_000,
    "caller.all.known_after": 2_000,
    "caller.some.at_rest": 5,
    "caller.all.at_rest": 60,
    "caller.some.restart": 15,
    "caller.all.restart": 15,
    "resolve.asked.p50": 10_000,
    "resolve.known.p50": 100,
    "server.memory": 128,
    "connections.idle": 128,
}
"""Several times what a machine at rest shows; what grows with all renewals is far above."""


@pytest.mark.long
async def test_a_large_directory_costs_what_is_asked_of_it():
    found = {one["name"].removeprefix("discovery."): one["value"] for one in await figures()}

    beyond = {name: found[name] for name, bound in BOUNDS.items() if found[name] > bound}
    assert not beyond
