"""Ask all processes that run on one state folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError
from outgrow.process.control.asking import ask
from outgrow.process.directory import SUPERVISOR

ANSWER_SECONDS = 10.0
"""How long each process may take to answer."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the processes answered.

    Attributes:
        answers: By the name of the process.
        silent: Why a process did not answer, by its name.
    """

    answers: dict[str, Any]
    silent: dict[str, str]


def control_sockets(state: Path) -> dict[str, Path]:
    """The control channels of the processes that run, or have run, on *state*, by process."""
    found = sorted((state / "run").glob("*.sock"))
    beside = {path for path in found if path.stem == SUPERVISOR or path.stem.endswith(".calls")}
    return {path.stem: path for path in found if path not in beside}


def ask_everyone(state: Path, verb: str, **arguments: Any) -> Answers:
    """
    Ask every process that runs on *state*, all at once; who does not answer keeps nobody waiting.

    Raises:
        ControlError: No process runs there.
    """
    sockets = control_sockets(state)
    if not sockets:
        message = (
            f"{state / 'run'}: no process runs there. Start it with 'outgrow run', or name the "
            "folder where it keeps its state: --state DIR."
        )
        raise ControlError(message)
    with ThreadPoolExecutor(max_workers=len(sockets)) as threads:
        asked = {
            name: threads.submit(ask, path, verb, seconds=ANSWER_SECONDS, **arguments)
            for name, path in sockets.items()
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
