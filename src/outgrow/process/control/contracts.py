"""Ask running processes what their services promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from outgrow.contracts.descriptions import ServiceDescription
from outgrow.errors import ControlError
from outgrow.process.control.asking import ask
from outgrow.process.control.everyone import ANSWER_SECONDS, ask_everyone
from outgrow.process.seating import SUPERVISOR


def reported_contracts(socket: Path) -> dict[str, ServiceDescription]:
    """
    What the services of the process behind *socket* promise, by name.

    A supervisor hosts none: all processes that it has started are asked.

    Raises:
        ControlError: Nobody answers there, or not everyone, or another version of outgrow does.
    """
    if socket.stem == SUPERVISOR:
        return running_contracts(socket.parent.parent)
    return _read(ask(socket, "contracts", seconds=ANSWER_SECONDS), str(socket))


def running_contracts(state: Path) -> dict[str, ServiceDescription]:
    """
    What all services promise whose processes run on *state*, by name.

    Raises:
        ControlError: No process runs there, or one of them does not answer.
    """
    found = ask_everyone(state, "contracts")
    if found.silent:
        # Without it, what breaks its services would be called safe.
        raise ControlError("\n".join(found.silent.values()))
    told: dict[str, ServiceDescription] = {}
    for process, answer in found.answers.items():
        told |= _read(answer, process)
    return told


def _read(answer: Any, where: str) -> dict[str, ServiceDescription]:
    try:
        return msgspec.convert(answer, dict[str, ServiceDescription])
    except msgspec.ValidationError as error:
        message = (
            f"{where}: what it says of its contracts cannot be read: {error}. It may run another "
            "version of outgrow."
        )
        raise ControlError(message) from error
