"""Each kind of change has verdicts, and what they say happens if it is tried."""

from __future__ import annotations

import pytest

from outgrow.contracts.comparing import call_differences, compare
from outgrow.contracts.comparing.change import Answer, Change, Verdict, order_of
from tests.contracts.changes.case import Case
from tests.contracts.changes.cases import CASES
from tests.contracts.changes.revisions import Revision, loaded
from tests.contracts.changes.running import calls_that_fail
from tests.contracts.changes.storing import (
    events_unheard,
    repeats_are_refused,
    stored_that_is_lost,
)

EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def changes_of(case: Case) -> list[Change]:
    with loaded(case, "judged") as (old, new):
        return compare(old.description, new.description)


@EACH
def test_a_change_is_judged(case: Case) -> None:
    changes = changes_of(case)
    if case.labels == ("unchanged",):
        assert not changes
        return

    assert sorted(change.label for change in changes) == sorted(case.labels)
    verdicts = {q: worst(changes, q) for q in ("consumers", "providers", "stored")}
    assert verdicts == {q: getattr(case, q) for q in verdicts}, changes
    if len(changes) == 1:
        assert changes[0].order == case.order
    else:
        assert order_of(*(Verdict(answer=answer) for answer in verdicts.values())) == case.order
    assert all(bool(c.remedy) == ("breaks" in answers_of(c)) for c in changes)


def worst(changes: list[Change], question: str) -> Answer:
    """The answer to *question* of several changes that are made at once."""
    answers = [getattr(change, question).answer for change in changes]
    return max(answers, key=["unaffected", "safe", "breaks"].index)


def answers_of(change: Change) -> set[str]:
    return {change.consumers.answer, change.providers.answer, change.stored.answer}


@EACH
async def test_old_consumers_meet_a_new_provider(case: Case) -> None:
    with loaded(case, "tried") as (old, new):
        wrong = await calls_that_fail(old, new, repeats=case.repeats)
        wrong += events_unheard(old, new, is_older=True)

    assert ("breaks" if wrong else "safe") == case.consumers, wrong


@EACH
async def test_new_consumers_meet_an_old_provider(case: Case) -> None:
    with loaded(case, "tried") as (old, new):
        wrong = await calls_that_fail(new, old, repeats=case.repeats)
        wrong += events_unheard(new, old, is_older=False)

    assert ("breaks" if wrong else "safe") == case.providers, wrong


@EACH
async def test_a_new_version_reads_what_is_stored(case: Case) -> None:
    with loaded(case, "tried") as (old, new):
        wrong = await stored_that_is_lost(old, new, repeats=case.repeats)

    assert bool(wrong) == (case.stored == "breaks"), wrong


@EACH
async def test_each_revision_understands_itself(case: Case) -> None:
    with loaded(case, "tried") as sides:
        for side in sides:
            assert not await calls_that_fail(side, side, repeats=case.repeats)
            assert not events_unheard(side, side, is_older=True)
            assert not await stored_that_is_lost(side, side, repeats=case.repeats)


@EACH
async def test_processes_know_beforehand_what_they_would_misunderstand(case: Case) -> None:
    with loaded(case, "tried") as (old, new):
        for consumer, provider in ((old, new), (new, old)):
            differences = differences_of(consumer, provider)
            wrong = await calls_that_fail(consumer, provider, repeats=case.repeats, has_http=False)
            silently = [line for line in wrong if not line.startswith("gRPC: ")]

            assert wrong or not differences, "what would work is not refused"
            assert differences or not silently, "nothing is taken for another thing"


def differences_of(consumer: Revision, provider: Revision) -> list[str]:
    known = provider.description.contracts
    return [
        line
        for name, contract in consumer.description.contracts.items()
        if name in known
        for lines in call_differences(contract, known[name]).values()
        for line in lines
    ]


KEPT = [
    case
    for case in CASES
    if (case.consumers, case.stored) == ("safe", "safe") and case.old.calls and not case.repeats
]


@pytest.mark.parametrize("case", KEPT, ids=[case.name for case in KEPT])
def test_it_is_told_if_repeats_would_be_refused(case: Case) -> None:
    with loaded(case, "tried") as (old, new):
        is_refused = repeats_are_refused(old, new)

    told = [change for change in changes_of(case) if "KeyReused" in change.stored.what]
    assert bool(told) == is_refused
