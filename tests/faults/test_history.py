"""The checker finds what is planted, names it rightly, and is silent about what is right."""

from __future__ import annotations

import random
from time import perf_counter

import pytest

from tests.faults.history import Transaction, check_delivery, check_transactions

RIGHT = {"a": [1, 2, 3, 4], "b": [7]}


def kinds(found):
    return sorted({anomaly.kind for anomaly in found})


@pytest.mark.parametrize(
    ("handled", "kind"),
    [
        ({"a": [1, 2, 4], "b": [7]}, ["lost"]),
        ({"a": [1, 2, 3], "b": [7]}, ["lost"]),
        ({"a": [1, 2, 3, 4]}, ["lost"]),
        ({"a": [1, 2, 2, 3, 4], "b": [7]}, ["doubled"]),
        ({"a": [1, 2, 3, 4, 1], "b": [7]}, ["doubled"]),
        ({"a": [2, 1, 3, 4], "b": [7]}, ["reordered"]),
        ({"a": [1, 2, 3, 4], "b": [7, 8]}, ["phantom"]),
        ({"a": [1, 2, 3, 4], "b": [7], "c": [1]}, ["phantom"]),
        ({"a": [4, 1, 2], "b": [7]}, ["lost", "reordered"]),
    ],
)
def test_what_a_handler_did_wrong_is_named(handled, kind):
    assert kinds(check_delivery(RIGHT, handled)) == kind


def test_what_a_handler_did_right_is_passed():
    assert check_delivery(RIGHT, RIGHT) == []
    assert check_delivery(RIGHT, {"a": [1, 2]}, is_finished=False) == []
    assert kinds(check_delivery(RIGHT, {"a": [1, 3]}, is_finished=False)) == ["lost"]


def test_a_journal_that_holds_a_value_twice_is_told_of():
    assert kinds(check_delivery({"a": [1, 1]}, {"a": [1, 1]})) == []
    assert kinds(check_delivery({"a": [1, 1]}, {"a": [1]})) == ["doubled"]


def test_every_planted_mistake_among_many_values_is_found():
    for seed in range(300):
        chance = random.Random(seed)
        recorded = {key: list(range(chance.randrange(2, 50))) for key in "abcde"}
        handled = {key: list(values) for key, values in recorded.items()}
        victim = handled[chance.choice("abcde")]
        place = chance.randrange(len(victim))
        kind = chance.choice(["lost", "doubled", "reordered", "phantom"])
        if kind == "lost":
            del victim[place]
        elif kind == "doubled":
            victim.insert(chance.randrange(len(victim)), victim[place])
        elif kind == "phantom":
            victim.insert(place, -1)
        else:
            other = chance.choice([n for n in range(len(victim)) if n != place])
            victim[place], victim[other] = victim[other], victim[place]
        assert kind in kinds(check_delivery(recorded, handled)), seed


class Serial:
    """Lists as one client after the other would see them, and what was seen."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lists: dict[str, list[int]] = {}
        self.seen: list[Transaction] = []
        self.now = 0

    def run(self, count: int) -> None:
        for number in range(count):
            self.now += 1
            told = Transaction(f"T{number}", began=self.now)
            for key in self.chance.sample("abcdef", 2):
                values = self.lists.setdefault(f"{key}{number // 200}", [])
                told.reads.append((f"{key}{number // 200}", tuple(values)))
                if self.chance.random() < 0.6:
                    values.append(number)
                    told.appends.append((f"{key}{number // 200}", number))
            self.now += 1
            told.ended = self.now
            self.seen.append(told)


def test_a_serial_history_is_right():
    for seed in range(20):
        serial = Serial(seed)
        serial.run(300)
        assert check_transactions(serial.seen, serial.lists) == []


def test_a_large_history_is_checked_quickly():
    serial = Serial(0)
    serial.run(20_000)
    began = perf_counter()
    assert check_transactions(serial.seen, serial.lists) == []
    assert perf_counter() - began < 10, "it is to be linear"


def test_a_lost_update_is_a_cycle():
    """Both read the empty list, and both append; one of them cannot have come second."""
    history = [
        Transaction("T1", began=1, ended=4, reads=[("a", ())], appends=[("a", 1)]),
        Transaction("T2", began=2, ended=3, reads=[("a", ())], appends=[("a", 2)]),
    ]
    (found,) = check_transactions(history, {"a": [1, 2]})
    assert found.kind == "G-single"
    assert set(found.key) == {"T1", "T2"}


def test_write_skew_is_a_cycle_of_two_backward_links():
    history = [
        Transaction("T1", began=1, ended=4, reads=[("a", ()), ("b", ())], appends=[("a", 1)]),
        Transaction("T2", began=2, ended=3, reads=[("a", ()), ("b", ())], appends=[("b", 2)]),
    ]
    assert kinds(check_transactions(history, {"a": [1], "b": [2]})) == ["G2"]


def test_writes_that_interleave_are_a_cycle():
    history = [
        Transaction("T1", began=1, ended=9, appends=[("a", 1), ("b", 1)]),
        Transaction("T2", began=1, ended=9, appends=[("a", 2), ("b", 2)]),
    ]
    assert kinds(check_transactions(history, {"a": [1, 2], "b": [2, 1]})) == ["G0"]


def test_two_that_saw_each_other_are_a_cycle():
    history = [
        Transaction("T1", began=1, ended=9, reads=[("b", (2,))], appends=[("a", 1)]),
        Transaction("T2", began=1, ended=9, reads=[("a", (1,))], appends=[("b", 2)]),
    ]
    assert kinds(check_transactions(history, {"a": [1], "b": [2]})) == ["G1c"]


def test_a_read_that_is_older_than_what_was_acknowledged_is_a_cycle_with_the_clock():
    history = [
        Transaction("T1", began=1, ended=2, appends=[("a", 1)]),
        Transaction("T2", began=3, ended=4, reads=[("a", ())]),
    ]
    assert kinds(check_transactions(history, {"a": [1]})) == ["G-single-realtime"]
    history[1].began = 2  # At the same time: either may have been first.
    assert check_transactions(history, {"a": [1]}) == []


@pytest.mark.parametrize(
    ("history", "final", "kind"),
    [
        ([Transaction("T1", appends=[("a", 1)])], {"a": []}, "lost"),
        ([Transaction("T1", appends=[("a", 1)])], {"a": [1, 1]}, "doubled"),
        ([Transaction("T1", "aborted", appends=[("a", 1)])], {"a": [1]}, "aborted read"),
        ([Transaction("T1", "unknown", appends=[("a", 1), ("b", 1)])], {"a": [1]}, "partial read"),
        ([Transaction("T1", reads=[("a", (5,))])], {"a": [5]}, "phantom"),
        (
            [
                Transaction("T1", appends=[("a", 1), ("a", 2)]),
                Transaction("T2", reads=[("a", (1,))]),
            ],
            {"a": [1, 2]},
            "partial read",
        ),
        (
            [
                Transaction("T1", appends=[("a", 1)]),
                Transaction("T2", appends=[("a", 2)]),
                Transaction("T3", reads=[("a", (2, 1))]),
            ],
            {"a": [1, 2]},
            "reordered",
        ),
    ],
)
def test_what_no_serial_store_would_show_is_named(history, final, kind):
    assert kinds(check_transactions(history, final)) == [kind]


def test_what_may_or_may_not_have_been_committed_is_right_either_way():
    history = [Transaction("T1", "unknown", appends=[("a", 1), ("b", 1)])]
    assert check_transactions(history, {}) == []
    assert check_transactions(history, {"a": [1], "b": [1]}) == []


def test_a_swapped_pair_in_a_serial_history_is_found():
    for seed in range(50):
        serial = Serial(seed)
        serial.run(150)
        key = max(serial.lists, key=lambda name: len(serial.lists[name]))
        values = serial.lists[key]
        place = serial.chance.randrange(len(values) - 1)
        values[place], values[place + 1] = values[place + 1], values[place]
        assert check_transactions(serial.seen, serial.lists), seed
