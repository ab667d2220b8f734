"""Several contracts and versions of one service, each called and heard in every world."""

from __future__ import annotations

from pathlib import Path

import pytest
from library.letters.contract import Letters
from library.loans.contract.v1 import AlreadyLent, Desk, Loan, Loans
from library.loans.contract.v2 import Loan as LoanV2
from library.loans.contract.v2 import LoansV2

from outgrow import using
from outgrow.contracts import read_contract, service_name, service_package
from outgrow.testing import World


@pytest.fixture
def outgrow_file() -> Path:
    return Path(__file__).with_name("outgrow.toml")


async def test_both_versions_answer_and_share_one_store(world: World) -> None:
    old, new = world.client(Loans), world.client(LoansV2)

    first = await old.lend("Emma")
    second = await new.lend(["Ulysses", "Walden"])

    assert first == Loan(loan_id=first.loan_id, book="Emma")
    assert second == LoanV2(loan_id=second.loan_id, books=["Ulysses", "Walden"], fine=5)
    assert await new.get_loan(first.loan_id) == LoanV2(
        loan_id=first.loan_id, books=["Emma"], fine=5
    )
    assert await world.client(Desk).count() == 3


async def test_a_contract_beside_has_settings_of_its_class(world: World) -> None:
    assert await world.client(Desk).days() == 14


async def test_a_problem_of_the_first_version_is_one_of_the_second(world: World) -> None:
    await world.client(Loans).lend("Emma")

    with pytest.raises(AlreadyLent, match="Emma is lent already"):
        await world.client(LoansV2).lend(["Emma"])


async def test_another_service_calls_both_and_hears_the_events_of_both(world: World) -> None:
    letters = world.client(Letters)
    await letters.lend_both("Emma", ["Ulysses"])
    loan = await letters.new(["Walden"])
    await world.client(LoansV2).give_back(loan.loan_id)
    await world.settle()

    assert sorted(await letters.heard()) == [
        "Lent Emma",
        "Lent Ulysses",
        "Lent Walden",
        "Returned Walden",
    ]


async def test_a_key_means_one_method_of_one_version(world: World) -> None:
    first = await using(world.client(Loans), key="k").lend("Emma")
    second = await using(world.client(LoansV2), key="k").lend(["Ulysses"])

    assert await using(world.client(Loans), key="k").lend("Emma") == first
    assert await using(world.client(LoansV2), key="k").lend(["Ulysses"]) == second
    assert await world.client(Desk).count() == 2


async def test_a_command_of_the_second_version_is_sent(world: World) -> None:
    await world.client(Letters).lend_later(["Emma"])
    await world.settle()

    assert await world.client(Desk).count() == 1


def test_versions_have_names_of_their_own() -> None:
    old, new = read_contract(Loans), read_contract(LoansV2)

    assert old.wire_name("library") == "library.loans.v1.Loans"
    assert new.wire_name("library") == "library.loans.v2.LoansV2"
    assert old.methods["lend"].full_name == "loans.lend"
    assert new.methods["lend"].full_name == "loans.v2.lend"


def test_a_contract_that_is_a_package_belongs_to_its_service() -> None:
    for cls in (Loans, LoansV2, Desk):
        assert service_package(cls.__module__) == "library.loans"
        assert service_name(cls.__module__) == "loans"
        names = [event.type for event in read_contract(cls).events]
        assert sorted(names) == ["loans.Lent", "loans.Returned"]
