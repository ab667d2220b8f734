"""The story of transfers finds what it is for: each safeguard that is removed is missed."""

from pathlib import Path
from typing import Any

import pytest

from tests.crash import transfers_invariants
from tests.crash.harness import Kill, tell_of_death
from tests.crash.saga_mutants import SAGA_MUTANTS

FOUND_OUT: dict[str, tuple[list[Kill], str]] = {
    "plan_late": ([Kill("sagas.after_reply", nth) for nth in (18, 20)], "something is left"),
    "keyed_by_count": ([Kill("sagas.after_reply", 30), Kill("sagas.after_reply", 40)], "twice"),
    "reply_first": ([Kill("client.after_reply", 1), Kill("client.after_reply", 3)], "kept is None"),
    "end_apart": ([Kill("inbox.after_remember", 1)], "not all is done"),
    "step_apart": ([Kill("sagas.before_local", 1), Kill("sagas.before_local", 2)], "twice"),
    "undo_forward": ([Kill("sagas.after_undo", 3)], "in a wrong order"),
    "undo_unasked": ([Kill("sagas.after_plan", 9), Kill("sagas.after_plan", 17)], "wrong order"),
    "undo_once": ([Kill("sagas.after_undo", 8)], "something is left"),
    "query_anew": ([Kill("sagas.after_plan", 9)], "not answered"),
    "now_anew": ([Kill("sagas.after_plan", 9)], "not answered"),
    "orphans_left": ([Kill("sagas.after_plan", 9)], "not answered"),
}
"""By mutant: where it is killed, once in each of as many states, and the word that tells on it."""

ELSEWHERE = {
    "tombstone_forgotten": "tests/sagas/test_fences.py",
    "step_unfenced": "tests/sagas/test_fences.py",
}
"""Those that no kill finds: one needs a step that comes late, one a process that is frozen."""

ALWAYS = {"plan_late", "step_apart", "undo_unasked"}
"""Those that every test run plants; the others are for the long run."""


def tried() -> list[Any]:
    return [
        pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.long)
        for name in sorted(FOUND_OUT)
    ]


def test_every_mutant_is_tried() -> None:
    assert FOUND_OUT.keys() | ELSEWHERE.keys() == SAGA_MUTANTS.keys()


@pytest.mark.parametrize("mutant", tried())
def test_a_safeguard_of_sagas_that_is_removed_is_missed(mutant: str, tmp_path: Path) -> None:
    kills, word = FOUND_OUT[mutant]
    stories = []
    for kill in kills:
        folder = tmp_path / str(kill)
        stories.append(tell_of_death(folder, [kill], mutant=mutant, scenario=transfers_invariants))
        if any(word in line for line in stories[-1].violations):
            return
    pytest.fail("\n".join(map(str, stories)))
