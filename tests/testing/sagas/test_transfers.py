"""The suite of sagas, on transfers: with parallel steps, with a long pause, begun by an event."""

from pathlib import Path
from typing import Any

import pytest

from outgrow import using
from outgrow.testing.sagas import saga_suite
from tests.faults.transfers.fees.contract import Fees
from tests.faults.transfers.giro.contract import Giro
from tests.faults.transfers.north.contract import North
from tests.faults.transfers.south.contract import South

FILE = Path(__file__).parents[2] / "faults" / "transfers" / "outgrow.toml"


async def transfer(client: Any) -> None:
    await using(client(Giro), key="one").transfer("one", "rich", "open", 100)


async def transfer_late(client: Any) -> None:
    await using(client(Giro), key="two").transfer("sleepy", "rich", "open", 100)


async def pay_salary(client: Any) -> None:
    await using(client(North), key="three").promise_salary("three", 100)


async def money_is_conserved(client: Any) -> None:
    totals = [await client(bank).total() for bank in (Giro, North, South, Fees)]
    assert sum(totals) == 0, totals


TestTransfers = saga_suite(transfer, money_is_conserved, file=FILE, faults=4, kills=1)
TestPauses = saga_suite(transfer_late, money_is_conserved, file=FILE, faults=1, kills=0)
TestEvents = saga_suite(pay_salary, money_is_conserved, file=FILE, faults=1, kills=0)


@pytest.mark.long
@pytest.mark.timeout(900)
class TestAllTransfers(saga_suite(transfer, money_is_conserved, file=FILE, kills=None)):  # type: ignore[misc]
    pass


@pytest.mark.long
@pytest.mark.timeout(900)
class TestAllPauses(saga_suite(transfer_late, money_is_conserved, file=FILE, kills=None)):  # type: ignore[misc]
    pass


@pytest.mark.long
@pytest.mark.timeout(900)
class TestAllEvents(saga_suite(pay_salary, money_is_conserved, file=FILE, kills=None)):  # type: ignore[misc]
    pass
