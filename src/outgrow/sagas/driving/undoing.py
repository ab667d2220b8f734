"""What was done is undone: one step after another, the last one first."""

from __future__ import annotations

from datetime import datetime

from outgrow import crash
from outgrow.context import Context
from outgrow.errors import CommitUnknown
from outgrow.journal import Superseded
from outgrow.sagas.book import UNDONE, StepRow
from outgrow.sagas.driving.contexts import call_context
from outgrow.sagas.driving.log import AGE_SECONDS_MAX, SagaLog
from outgrow.sagas.driving.operations import Host
from outgrow.sagas.driving.outcomes import ABORTED, Kept, finish_undone, give_up, to_undo
from outgrow.sagas.driving.signals import Expired, Failed, TooOld
from outgrow.store import Transaction


async def expire(log: SagaLog, why: Expired, now: datetime) -> None:
    """Write down that a saga's time is over: it is to be undone, or is stuck behind its pivot."""
    kept = Kept(ABORTED, f"{why} {log.row.error or ''}".rstrip())
    log.forget_unsent()
    give_up(log.row, log.steps, kept, now)
    await log.save_end()


async def undo_all(host: Host, log: SagaLog, context: Context) -> None:
    """
    Undo what is written down of a saga, and write down that it ended so.

    Raises:
        Failed: An undo did not succeed; it is tried again.
        TooOld: It is not known whether there is something to undo.
        Superseded: Another process has taken the saga up.
    """
    for step in to_undo(log.steps):
        crash.at("sagas.before_undo")
        await _undo(host, log, context, step)
        crash.at("sagas.after_undo")
    finish_undone(log.row, host.clock.now())
    await log.save_end()


async def _undo(host: Host, log: SagaLog, context: Context, step: StepRow) -> None:
    """Undo one step. If nobody knows whether it was done, that is settled where it would be."""
    assert step.undo is not None, "it has one"
    before = step.state
    arguments = step.undo_arguments or "{}"
    local = host.targets.named(step.undo)
    if not step.was_done and host.targets.named(step.name) is not None:
        log.note(step, UNDONE)  # What is done here is written down with its effect, or not done.
        return
    if not step.was_done and log.age_of(step) >= AGE_SECONDS_MAX:
        raise TooOld(
            f"nobody remembers any more whether step {step.number}, {step.name}, arrived, so it is "
            "not known whether there is something to undo. Look there; then skip the undo, or "
            "retry it."
        )
    try:
        if local is None:
            calling = call_context(context, host.clock, step, "undo")
            await host.ask(step.undo, calling, arguments)
            log.note(step, UNDONE)
            await log.save()
            return

        async def effect(tx: Transaction) -> None:
            await local.run(tx, arguments)
            log.note(step, UNDONE)

        await log.save(effect)
    except (Superseded, CommitUnknown):
        step.state = before
        raise
    except Exception as error:
        step.state = before
        raise Failed from error
