"""A rolling restart: all new processes are loaded before the first old one is stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from outgrow.errors import DefinitionError
from outgrow.process.seating import Seat
from outgrow.process.supervision.keeping import Keeper
from outgrow.topology import Topology, read_topology

logger = logging.getLogger("outgrow.process")

Reasons = dict[str, str | None]
"""By replica, why the new one takes no requests; None if it does."""


async def replace_all(keepers: Sequence[Keeper]) -> Reasons:
    """
    Replace what *keepers* keep, one after another, each ready before the next.

    If the code of one cannot be loaded, none is replaced, so that all go on with code that fits.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            loading = {k.name: tasks.create_task(k.load_successor()) for k in keepers}
        reasons: Reasons = {name: task.result() for name, task in loading.items()}
        if wrong := [name for name, reason in reasons.items() if reason is not None]:
            told = f"not replaced, because process {wrong[0]!r} cannot be"
            logger.error("no process is replaced: the new code of %s fails", ", ".join(wrong))
            return {name: reason or told for name, reason in reasons.items()}
        failed = None
        for keeper in keepers:
            if failed is not None:
                reasons[keeper.name] = f"not replaced, because process {failed!r} cannot be"
                continue
            reasons[keeper.name] = await keeper.replace()
            if reasons[keeper.name] is not None:
                failed = keeper.name
                logger.error("process %s was not replaced; the others stay as they are", failed)
        return reasons
    finally:
        for keeper in keepers:
            await keeper.abandon()


def refusal(file: Path, topology: Topology, seats: dict[str, Seat]) -> str | None:
    """
    Why processes in *seats* cannot take up what stands in *file* now, if they cannot.

    What has to wait for the next start, because it tells where services are, is logged.
    """
    try:
        plan = read_topology(file)
    except DefinitionError as error:
        return str(error)
    placed = {name for seat in seats.values() for name in seat.services}
    remedy = "Stop the topology and start it again."
    if added := sorted(set(plan.services) - placed):
        return f"{file}: no process that runs hosts {', '.join(added)}. {remedy}"
    if plan.topologies.get(topology.name) != topology:
        logger.warning("%s: [topology.%s] has changed. %s", file, topology.name, remedy)
    return None
