"""What was done is undone: one step after another, the last one first."""

from __future__ import annotations

from outgrow import crash
from outgrow.errors import InternalError
from outgrow.journal import Superseded
from outgrow.sagas.book import UNDONE, StepRow
from outgrow.sagas.driving.execution import Execution, Failed, Host
from outgrow.sagas.driving.outcomes import finish_undone, to_undo
from outgrow.store import Transaction


async def undo_all(host: Host, execution: Execution) -> None:
    """
    Undo what *execution* has done, and write down that it ended so.

    Raises:
        Failed: An undo did not succeed; it is tried again.
        Superseded: Another process has taken the saga up.
    """
    for step in to_undo(execution.steps):
        crash.at("sagas.before_undo")
        await _undo(host, execution, step)
        crash.at("sagas.after_undo")
    finish_undone(execution.row, host.clock.now())
    await execution.save_end()


async def _undo(host: Host, execution: Execution, step: StepRow) -> None:
    """Undo one step. If nobody knows whether it was done, that is settled where it would be."""
    assert step.undo is not None, "it has one"
    arguments = step.undo_arguments or "{}"
    local = host.targets.named(step.undo)
    done_here = host.targets.named(step.name) is not None
    if done_here and not step.was_done:
        execution.note(
            step, UNDONE
        )  # What is done here is written down with its effect, or not done.
        return
    try:
        if local is not None:

            async def effect(tx: Transaction) -> None:
                await local.run(tx, arguments)
                execution.note(step, UNDONE)

            await execution.save(effect)
        else:
            context = execution.context_for(step, "undo", step.undo)
            await host.ask(step.undo, context, arguments)
            execution.note(step, UNDONE)
            await execution.save()
    except (Superseded, InternalError):
        raise
    except Exception as error:
        raise Failed from error
