"""Problems: exceptions with typed fields, which are replies."""

import copy
import pickle
from typing import Annotated

import msgspec
import pytest
from annotated_types import Ge

from outgrow.contracts import (
    STATUSES,
    Problem,
    Record,
    decode_problem,
    encode_problem,
    problem_fields,
    problem_schema_fields,
    problem_type,
)


class Place(Record):
    shelf: int


class SoldOut(Problem, status="failed_precondition"):
    """Only {left} of {item_id} are left."""

    item_id: str
    left: Annotated[int, Ge(0)] = 0
    place: Place | None = None


class Closed(Problem, status="not_found"):
    """The shop is closed."""


class Silent(Problem):
    code: int


class ClosedForever(Closed, status="not_found"):
    """The shop is gone since {year}."""

    year: int


def test_the_docstring_is_the_message_with_the_fields_filled_in() -> None:
    assert str(SoldOut(item_id="cd", left=2)) == "Only 2 of cd are left."
    assert str(Closed()) == "The shop is closed."
    assert str(Silent(code=1)) == "Silent"
    assert str(ClosedForever(year=1999)) == "The shop is gone since 1999."


@pytest.mark.parametrize("text", ["{left}", "{0}", "{", "}", "{item_id.__class__}", "é\u0000\n"])
def test_what_a_field_holds_cannot_change_the_message(text: str) -> None:
    assert str(SoldOut(item_id=text)) == f"Only 0 of {text} are left."


@pytest.mark.parametrize(
    "problem",
    [
        SoldOut(item_id="cd", left=2, place=Place(shelf=7)),
        SoldOut(item_id="cd"),
        Closed(),
        ClosedForever(year=1999),
    ],
    ids=str,
)
def test_a_problem_survives_the_wire_pickling_and_copying(problem: Problem) -> None:
    cls = type(problem)
    for other in (
        decode_problem(cls, encode_problem(problem)),
        pickle.loads(pickle.dumps(problem)),
        copy.copy(problem),
    ):
        assert type(other) is cls
        assert problem_fields(other) == problem_fields(problem)
        assert str(other) == str(problem)


def test_a_problem_can_be_raised_with_a_cause_and_a_note() -> None:
    problem, cause = SoldOut(item_id="cd"), KeyError("cd")
    problem.add_note("seen at night")

    with pytest.raises(SoldOut) as raised:
        raise problem from cause

    assert raised.value.__cause__ is cause
    assert raised.value.item_id == "cd"


@pytest.mark.parametrize(
    "fields", [{}, {"item_id": 1}, {"item_id": "cd", "left": "many"}, {"item_id": "cd", "left": -1}]
)
def test_a_problem_with_wrong_fields_cannot_be_made(fields: dict[str, object]) -> None:
    with pytest.raises((msgspec.ValidationError, TypeError)):
        SoldOut(**fields)


def test_a_problem_with_a_field_that_it_does_not_have_cannot_be_made() -> None:
    with pytest.raises((msgspec.ValidationError, TypeError)):
        SoldOut(item_id="cd", colour="red")


def test_a_problem_knows_its_shapes_and_its_name_on_the_wire() -> None:
    assert [field.name for field in problem_schema_fields(SoldOut)] == ["item_id", "left", "place"]
    assert [field.is_required for field in problem_schema_fields(SoldOut)] == [True, False, False]
    assert problem_type(SoldOut).rpartition(".")[2] == "SoldOut"


def test_a_problem_has_a_status_that_http_and_grpc_know() -> None:
    assert {cls.status for cls in (SoldOut, Closed, Silent)} <= set(STATUSES)
    assert Silent.status == "failed_precondition"
    assert all(400 <= status < 500 for status in STATUSES.values())
