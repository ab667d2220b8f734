"""buf says the same of a change, or it is said why not."""

from __future__ import annotations

import pytest

from tests.contracts.changes.buf import buf_breaking
from tests.contracts.changes.case import Case
from tests.contracts.changes.cases import CASES


@pytest.fixture(scope="module")
def said_by_buf(tmp_path_factory) -> dict[str, list[str]]:
    return buf_breaking(CASES, tmp_path_factory.mktemp("buf"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_buf_says_what_the_page_tells_of_it(case: Case, said_by_buf: dict[str, list[str]]) -> None:
    found = said_by_buf[case.name]

    assert bool(found) == (case.buf == "breaks"), found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_difference_is_explained_and_nothing_else_is(case: Case) -> None:
    assert bool(case.why) == (not case.agrees)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_there_are_enough_kinds_of_change() -> None:
    assert len({case.labels[0] for case in CASES}) >= 60
