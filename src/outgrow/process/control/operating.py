"""What an operator asks of all processes at once: journals, what waits, and consumers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.asking import ask
from outgrow.process.control.everyone import Answers, ask_everyone, control_socket


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """
    A consumer that has rows in a store and no code any more.

    Attributes:
        process: The process that hosts its service.
        waiting: Messages that wait for it, and are dropped with it.
    """

    consumer: str
    process: str
    waiting: int


class Operator:
    """
    Asks the processes that keep their state in one folder.

    Every method raises `ControlError` if no process runs there, or none knows what it is about.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def journal(self, service: str, **wanted: Any) -> Any:
        """Rows of the journal of *service*, from the process that hosts it."""
        found = ask_everyone(self._state, "placement")
        for process, placement in found.answers.items():
            if service in placement["services"]:
                return self._ask(process, "journal", service=service, **wanted)
        names = sorted({name for placed in found.answers.values() for name in placed["services"]})
        message = f"{service!r} is hosted by no process that answers."
        raise ControlError(f"{message} Hosted are: {_listed(names)}.{_silence(found)}")

    def waiting(self) -> tuple[list[dict[str, Any]], int, dict[str, str]]:
        """The keys under which something waits, how many there are, and who did not answer."""
        found = ask_everyone(self._state, "waiting")
        keys = [
            {**key, "process": process}
            for process, answer in found.answers.items()
            for key in answer["keys"]
        ]
        return keys, sum(answer["keys_count"] for answer in found.answers.values()), found.silent

    def consumers(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """All consumers, running or dead, and who did not answer."""
        found = ask_everyone(self._state, "consumers")
        return _with_process(found), found.silent

    def replay(self, consumer: str, key: str | None) -> dict[str, Any]:
        """Try again what waits for *consumer* under *key*, or under all keys if it is None."""
        process = self._find(consumer, "running")[0]["process"]
        what = {"all": True} if key is None else {"key": key}
        answer = self._ask(process, "replay", consumer=consumer, **what)
        return {"consumer": consumer, "process": process, **answer}

    def dead(self, consumer: str) -> Dead:
        """The dead *consumer*; one that runs is refused."""
        found = self._find(consumer, "dead")
        waiting = sum(one["waiting"] for one in found)
        return Dead(consumer=consumer, process=found[0]["process"], waiting=waiting)

    def remove(self, dead: Dead) -> dict[str, Any]:
        """Remove the rows of *dead*, with what waits for it."""
        answer = self._ask(dead.process, "remove_consumer", consumer=dead.consumer)
        return {"consumer": dead.consumer, "process": dead.process, **answer}

    def _ask(self, process: str, verb: str, **arguments: Any) -> Any:
        return ask(control_socket(self._state, process), verb, **arguments)

    def _find(self, consumer: str, state: str) -> list[dict[str, Any]]:
        """The rows of *consumer* in that state."""
        found = ask_everyone(self._state, "consumers")
        rows = _with_process(found)
        named = [row for row in rows if row["consumer"] == consumer]
        wanted = [row for row in named if row["state"] == state]
        if wanted:
            return wanted
        if named and state == "dead":
            message = (
                f"{consumer!r} runs in process {named[0]['process']!r}, and only a consumer that "
                "has no code any more is removed. Remove its handler from the code first."
            )
        elif named:
            message = (
                f"{consumer!r} is dead: it has rows in process {named[0]['process']!r} and no code "
                "that could handle them. Bring its code back, or remove it: outgrow event "
                f"consumers --remove '{consumer}'."
            )
        else:
            names = sorted({row["consumer"] for row in rows})
            message = f"{consumer!r} is no consumer. There are: {_listed(names)}."
        raise ControlError(message + _silence(found))


def _with_process(found: Answers) -> list[dict[str, Any]]:
    return [{**row, "process": name} for name, rows in found.answers.items() for row in rows]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "none"


def _silence(found: Answers) -> str:
    return f" These did not answer: {', '.join(found.silent)}." if found.silent else ""
