"""Processes of two revisions: those that are frozen and compatible talk, others are refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.errors import ContractDiffers
from outgrow.process import Seating
from tests.process.bank import BANK, child, process, write_bank

NOTED = BANK.replace("entry_id: str\n", "entry_id: str\n    note: str = ''\n", 1)
COUNTED = BANK.replace("account: str) -> int: ...", "account: str) -> str: ...", 1)
REORDERED = BANK.replace("entry_id: str\n", "note: str = ''\n    entry_id: str\n", 1)


def freeze(folder: Path) -> None:
    words = [sys.executable, "-m", "outgrow", "contract", "freeze", "--allow-breaking"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def file(write, tmp_path):
    file = write(desk="")
    write_bank(tmp_path)
    return file


@pytest.fixture
def other(file: Path, tmp_path: Path):
    """Write the bank of another revision, which goes on from what is frozen here."""

    def write_other(contract: str) -> Path:
        folder = tmp_path / "other"
        write_bank(folder, contract)
        if (tmp_path / "contracts").is_dir():
            shutil.copytree(tmp_path / "contracts", folder / "contracts")
        return folder

    return write_other


def bank():
    from bank.contract import Bank

    return Bank


async def test_frozen_contracts_that_are_compatible_talk(
    file: Path, seating: Seating, other
) -> None:
    freeze(file.parent)
    newer = other(NOTED)
    freeze(newer)

    async with process(file, seating, "a") as a, child(newer, seating):
        entry = await a.client(bank()).enter("x")
        count = await a.client(bank()).count("x")

    assert entry.entry_id
    assert count == 1


async def test_a_provider_that_starts_again_is_told_again(
    file: Path, seating: Seating, other
) -> None:
    freeze(file.parent)
    newer = other(NOTED)
    freeze(newer)

    async with process(file, seating, "a") as a:
        for expected in (1, 2, 3):
            async with child(newer, seating):
                await a.client(bank()).enter("x")
                assert await a.client(bank()).count("x") == expected


async def test_frozen_contracts_refuse_the_method_that_would_be_misunderstood(
    file: Path, seating: Seating, other
) -> None:
    freeze(file.parent)
    newer = other(COUNTED)
    freeze(newer)

    async with process(file, seating, "a") as a, child(newer, seating):
        await a.client(bank()).enter("x")
        refused = []
        for _ in range(2):  # The second time the callee knows it by itself.
            with pytest.raises(ContractDiffers) as caught:
                await a.client(bank()).count("x")
            refused.append(caught.value)

    first, second = refused
    assert str(first) == str(second)
    assert first.unfrozen == []
    assert "str" in str(first.differences)
    assert all(f"- {line}" in str(first) for line in first.differences)
    assert "'outgrow contract check' calls safe" in str(first)


@pytest.mark.parametrize("frozen", ["none", "here", "there"])
async def test_what_is_not_frozen_and_differs_refuses_and_says_what_differs(
    file: Path, seating: Seating, other, frozen: str
) -> None:
    if frozen == "here":
        freeze(file.parent)
    newer = other(NOTED)
    if frozen == "there":
        freeze(newer)

    async with process(file, seating, "a") as a, child(newer, seating):
        with pytest.raises(ContractDiffers) as caught:
            await a.client(bank()).count("x")

    error = caught.value
    expected = {"none": ["caller", "callee"], "here": ["callee"], "there": ["caller"]}
    assert error.unfrozen == expected[frozen]
    assert any("note" in line for line in error.differences)
    assert f"The {' and the '.join(error.unfrozen)}" in str(error)
    assert "outgrow contract freeze" in str(error)


async def test_fields_in_another_order_mean_the_same_once_their_numbers_are_committed(
    file: Path, seating: Seating, other
) -> None:
    (file.parent / "bank" / "contract.py").write_text(NOTED)
    freeze(file.parent)
    newer = other(REORDERED)

    async with process(file, seating, "a") as a, child(newer, seating):
        entry = await a.client(bank()).enter("x")

    assert len(entry.entry_id) == 36
    assert entry.note == ""


@pytest.mark.parametrize("is_frozen", [True, False])
async def test_a_process_warns_of_contracts_that_changed_since_they_were_frozen(
    file: Path, seating: Seating, caplog: pytest.LogCaptureFixture, is_frozen: bool
) -> None:
    freeze(file.parent)
    (file.parent / "bank" / "contract.py").write_text(NOTED)
    if is_frozen:
        freeze(file.parent)

    async with process(file, seating, "a"):
        told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    expected = [] if is_frozen else ["not what is frozen: desk.Desk, bank.Bank"]
    assert [message.partition(";")[0] for message in told] == expected
