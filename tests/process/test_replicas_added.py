"""What replicas say is added up where each knows a part, and told once where all know the same."""

from __future__ import annotations

from typing import Any

from outgrow.process.control.adding import added_consumers, added_timers
from outgrow.process.control.everyone import Answers


def row(state: str = "running", **more: Any) -> dict[str, Any]:
    told = {"consumer": "stock.hold", "source": "orders", "state": state, "position": 9, "lag": 0}
    return {**told, "waiting": 0, "parked": 0, **more}


def test_what_waits_is_added_and_the_last_one_says_how_far_the_consumer_is() -> None:
    answers = {
        "back": [row(position=4, lag=5, waiting=2, parked=1)],
        "back.2": [row(position=7, lag=2, waiting=3)],
        "back.3": [row(position=0, lag=None)],  # it has no share now
        "front": [row(consumer="mail.write", waiting=1)],
    }

    stock, mail = added_consumers(answers)

    assert (stock["position"], stock["lag"], stock["waiting"], stock["parked"]) == (4, 5, 5, 1)
    assert (stock["process"], stock["replicas"]) == ("back", ["back", "back.2", "back.3"])
    assert (mail["process"], mail["waiting"]) == ("front", 1)


def test_nobody_knows_how_far_behind_a_consumer_is_if_no_replica_does() -> None:
    (told,) = added_consumers({"back": [row(lag=None)], "back.2": [row(lag=None, position=3)]})

    assert (told["lag"], told["position"]) == (None, 3)


def test_a_consumer_that_runs_in_one_replica_is_not_dead() -> None:
    dead = row("dead", lag=None, waiting=4, parked=1)

    (told,) = added_consumers({"back": [dead], "back.2": [row(waiting=1)]})
    (still,) = added_consumers({"back": [dead], "back.2": [dead]})

    assert (told["state"], told["waiting"], told["replicas"]) == ("running", 1, ["back.2"])
    assert (still["state"], still["waiting"], still["parked"]) == ("dead", 4, 1)


def test_timers_are_told_once_and_those_that_were_fired_are_added() -> None:
    one = {"service": "orders", "timers": 2, "fired": 3}

    assert added_timers([one, {**one, "fired": 4}, {**one, "service": "stock"}]) == [
        {"service": "orders", "timers": 2, "fired": 7},
        {"service": "stock", "timers": 2, "fired": 3},
    ]


def test_one_answer_of_each_process_is_one_of_its_replicas() -> None:
    answers = {"back.2": 2, "back.3": 3, "front": 1}

    assert Answers(answers=answers, silent={"back": "it is gone"}).once == {"back": 2, "front": 1}
