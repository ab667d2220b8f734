"""The sagas of a program, as they are drawn."""

from __future__ import annotations

from outgrow.errors import ControlError
from outgrow.process.loading import load_services
from outgrow.sagas import codes_of
from outgrow.sagas.operating import draw_code, read_flow
from outgrow.topology import Plan


def saga_drawing(plan: Plan, name: str) -> str:
    """
    The saga ``service.method`` of *plan*, as its newest code is, in the language of Mermaid.

    Raises:
        InvalidService: The program cannot be loaded.
        ControlError: It has no such saga.
    """
    found = {}
    for model in load_services(plan):
        for (method, _), code in sorted(codes_of(model.cls).items()):
            found[f"{model.name}.{method}"] = model.cls, code
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ControlError(f"{name!r} is no saga of this program. There are: {known}.")
    return draw_code(read_flow(*found[name]))
