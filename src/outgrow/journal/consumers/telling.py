"""What the log says of an attempt that failed, and what to do about it."""

from __future__ import annotations

import logging
import shlex

from outgrow.context import Context, enter, leave
from outgrow.journal.consumers.waiting import ATTEMPTS_MAX, Verdict
from outgrow.journal.messages import Message

_log = logging.getLogger("outgrow.journal")


def tell_attempt(
    consumer: str,
    message: Message,
    context: Context,
    verdict: Verdict,
    cause: BaseException | None,
) -> None:
    """
    Log inside of *context* that an attempt at *message* failed: the first with its traceback.

    Args:
        context: The attempt's, so that the line carries the ids of what has recorded the message.
        cause: What the user's code raised, if it did.
    """
    of = f" of {ATTEMPTS_MAX}" if verdict.attempts <= ATTEMPTS_MAX else ""
    key = "no key" if message.key is None else f"key {message.key!r}"
    what = f"attempt {verdict.attempts}{of} at {message.type} ({key}, id {message.id})"
    is_parked = verdict.pause_seconds is None
    if is_parked:
        then = f"parked, with what comes behind it. {replay_hint(consumer, message)}"
    else:
        then = f"again in {verdict.pause_seconds:g} s"
    token = enter(context)
    try:
        _log.log(
            logging.ERROR if is_parked else logging.WARNING,
            "%s: %s failed with %s; %s",
            consumer,
            what,
            verdict.error,
            then,
            exc_info=cause if verdict.attempts == 1 else None,
        )
    finally:
        leave(token)


def replay_hint(consumer: str, message: Message) -> str:
    """How an operator has *message* tried again."""
    command = shlex.join(["outgrow", "event", "replay", consumer, message.line])
    return f"Once the cause is gone: {command}"
