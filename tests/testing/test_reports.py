"""The report of a test that fails in a world says why, wherever the reason was logged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """
from outgrow import *
class Shop(Contract):
    @query()
    async def get_price(self) -> int: ...
@service
class ShopService(Shop):
    async def get_price(self) -> int:
        raise RuntimeError("no price tag")
"""
TEST = """
from shop import Shop
async def test_the_price(world):
    await world.client(Shop).get_price()
"""


def report(folder: Path, *words: str, shop: str = SHOP) -> str:
    """What pytest says of the test in *folder*, which has no settings of its own."""
    (folder / "shop.py").write_text(shop)
    (folder / "test_shop.py").write_text(TEST)
    (folder / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["shop"]\n')
    program = [sys.executable, "-m", "pytest", "-p", "no:randomly", *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        program,
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_what_a_process_of_the_apart_world_logged_stands_in_the_report(tmp_path: Path) -> None:
    text = report(tmp_path, "--world=apart")

    section = text.partition("log of process 'shop'")[2]
    assert 'raise RuntimeError("no price tag")' in section
    assert "correlation_id=" in section


def test_without_settings_there_is_no_warning_about_loops(tmp_path: Path) -> None:
    assert "asyncio_default_fixture_loop_scope" not in report(tmp_path, "--world=together", "-q")


@pytest.mark.parametrize("world", ["together", "wired", "apart"])
def test_a_program_that_is_wrong_is_told_by_its_finding_alone(tmp_path: Path, world: str) -> None:
    text = report(tmp_path, f"--world={world}", shop=SHOP.replace("@service", ""))

    assert "service 'shop' has no class marked @service" in text
    assert "Traceback" not in text
    assert "outgrow/process" not in text, "no frame of outgrow"
