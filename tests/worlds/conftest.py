"""Which worlds are on PostgreSQL too, if ``--store`` does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

WORLD = "wired"
"""Where every call is sent twice and every event delivered twice; ``--store all`` has all three."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--store") != "configured":
        return
    dropped = [item for item in items if _is_beyond(item)]
    if dropped:
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)


def _is_beyond(item: pytest.Item) -> bool:
    if not item.path.is_relative_to(Path(__file__).parent):
        return False
    if any(mark.name == "stores" for mark in item.own_markers):
        return False  # The test itself says where it runs.
    chosen = getattr(item, "callspec", None)
    params = chosen.params if chosen is not None else {}
    return params.get("world_store") == "postgres" and params.get("world_name") != WORLD
