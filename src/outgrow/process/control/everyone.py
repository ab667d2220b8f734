"""Ask all processes that run on one state folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.asking import ask
from outgrow.process.seating import SUPERVISOR
from outgrow.topology import process_of

ANSWER_SECONDS = 5.0
"""How long each process may take to answer."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the processes answered.

    Attributes:
        answers: By the name of the process, each replica by its own.
        silent: Why a process did not answer, by its name.
    """

    answers: dict[str, Any]
    silent: dict[str, str]

    @property
    def once(self) -> dict[str, Any]:
        """
        One answer of each process, by its name.

        Its replicas have the same stores, so what all of them read there is counted once.
        """
        told: dict[str, Any] = {}
        for name, answer in self.answers.items():
            told.setdefault(process_of(name), answer)
        return told


def control_socket(state: Path, process: str) -> Path:
    """Where *process* answers, if it runs on *state*."""
    return state / "run" / f"{process}.sock"


def _processes(state: Path) -> list[str]:
    """The processes that run on *state*, have run, or should: those of a topology are all named."""
    names = {path.stem for path in (state / "run").glob("*.sock")}
    names = {name for name in names if not name.endswith(".calls")}
    if SUPERVISOR in names:
        names.remove(SUPERVISOR)
        try:
            path = control_socket(state, SUPERVISOR)
            told = ask(path, "processes", seconds=ANSWER_SECONDS)
        except ControlError:
            told = []  # A supervisor that is gone leaves sockets that nobody answers.
        names |= {process["name"] for process in told if process["services"]}
    return sorted(names)


def ask_everyone(state: Path, verb: str, **arguments: Any) -> Answers:
    """
    Ask every process that runs on *state*, all at once; who does not answer keeps nobody waiting.

    Raises:
        ControlError: No process runs there.
    """
    names = _processes(state)
    if not names:
        message = (
            f"{state / 'run'}: no process runs there. Start it with 'outgrow run', or name the "
            "folder where it keeps its state: --state DIR."
        )
        raise ControlError(message)
    with ThreadPoolExecutor(max_workers=len(names)) as threads:
        asked = {
            name: threads.submit(
                ask, control_socket(state, name), verb, seconds=ANSWER_SECONDS, **arguments
            )
            for name in names
        }
    answers, silent = {}, {}
    for name, future in asked.items():
        error = future.exception()
        if error is None:
            answers[name] = future.result()
        elif isinstance(error, ControlError):
            silent[name] = str(error)
        else:
            raise error
    return Answers(answers=answers, silent=silent)
