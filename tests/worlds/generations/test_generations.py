"""Several contracts and versions of one service, each called and heard in every world."""

from __future__ import annotations

from pathlib import Path

import pytest
from library.letters.contract import Letters
from library.loans.contract.v1 import AlreadyLent, Desk, Loan, Loans
from library.loans.contract.v2 import DeskV2, LoansV2
from library.loans.contract.v2 import Loan as LoanV2
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from outgrow import using
from outgrow.contracts import read_contract, service_name, service_package
from outgrow.gateway import asyncapi_document, openapi_document
from outgrow.testing import World
from tests.gateway.conftest import Driver


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


async def test_one_class_may_keep_both_versions(world: World) -> None:
    old, new = world.client(Desk), world.client(DeskV2)
    first = await using(old, key="k").stamp("Emma")
    second = await using(new, key="k").stamp("Emma")

    assert first != second
    assert await using(old, key="k").stamp("Emma") == first
    assert await using(new, key="k").stamp("Emma") == second
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


def test_both_versions_stand_in_one_description() -> None:
    models = [read_contract(contract) for contract in (Loans, Desk, LoansV2)]
    document = openapi_document("library", models)

    validate(document, cls=OpenAPIV31SpecValidator)
    lend = {path: document["paths"][path]["post"] for path in ("/v1/loans", "/v2/loans")}
    assert lend["/v1/loans"]["operationId"] == "loans.lend"
    assert lend["/v2/loans"]["operationId"] == "loans.v2.lend"
    schemas = document["components"]["schemas"]
    assert set(schemas["loans.Loan"]["properties"]) == {"loan_id", "book"}
    assert set(schemas["loans.v2.Loan"]["properties"]) == {"loan_id", "books", "fine"}


def test_the_events_of_both_versions_are_described_once() -> None:
    models = [read_contract(contract) for contract in (Loans, Desk, LoansV2)]

    assert set(asyncapi_document("library", models)["channels"]) == {
        "loans.Lent",
        "loans.Returned",
    }


async def test_both_versions_answer_over_http(world: World) -> None:
    ask = Driver(world.application.asgi)
    old = await ask("POST", "/v1/loans", {"book": "Emma"})
    new = await ask("POST", "/v2/loans", {"books": ["Walden"]})
    both = await ask("GET", f"/v2/loans/{old.json['loan_id']}")

    assert old.json["book"] == "Emma"
    assert new.json["books"] == ["Walden"]
    assert both.json["books"] == ["Emma"]
