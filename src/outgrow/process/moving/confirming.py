"""Whether the next start would open the store that a confirmed move removes."""

from __future__ import annotations

import os
from pathlib import Path

from outgrow.errors import MoveRefused
from outgrow.process.moving.settings import line_after
from outgrow.process.stores import resolved
from outgrow.store.moving import Moving
from outgrow.topology import Plan, shown, variable


def refuse_old_place(plan: Plan, state: Path, topology: str, moving: Moving) -> None:
    """
    Refuse to confirm *moving* while the old place is configured; it would begin empty there.

    Args:
        topology: The one that runs, or was named; if empty, the application and each topology that
            says where stores are must be right.

    Raises:
        MoveRefused: With what is to be written.
    """
    service, (old, new) = moving.service, moving.secrets
    if topology:
        configured = {topology: plan.topologies[topology].stores}
    else:
        configured = {"": plan.stores} | {n: one.stores for n, one in plan.topologies.items()}
    was, now = (_place(plan, state, service, place) for place in (old, new))
    wrong = [
        name
        for name, stores in configured.items()
        if _place(plan, state, service, stores.get(service, new)) == was != now
    ]
    if not wrong:
        return
    name = variable(service)
    if name in os.environ:
        message = (
            f"it still says {shown(os.environ[name])!r}, so the next start would begin with an "
            f"empty store there. Set {name}={moving.setting}, then confirm."
        )
        raise MoveRefused(name, message)
    lines = dict.fromkeys(line_after(plan.file, one, service, moving.setting) for one in wrong)
    told = "; ".join(f"[{line.section}] {line.text}" for line in lines)
    message = (
        f"it still says that the store of {service!r} is at {moving.old_setting!r}, where the next "
        f"start would begin with an empty one. Write {told}; or set {name}={moving.setting} for "
        "each start and for this command. Then confirm."
    )
    if not topology and plan.topologies:
        message += " If only one topology uses this state folder, name it with --topology."
    raise MoveRefused(str(plan.file), message)


def _place(plan: Plan, state: Path, service: str, place: str) -> str:
    """*place* as it is opened, so that the same written otherwise is the same."""
    return shown(str(resolved(state, plan.application, {service: place})[service]))
