"""Commands that were recorded for another service: called after the commit, under one key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from outgrow import crash
from outgrow.context import Context
from outgrow.contracts import Problem
from outgrow.errors import (
    CallError,
    CallFailed,
    CallRefused,
    ContractDiffers,
    Overloaded,
    ServiceUnreachable,
)
from outgrow.journal.consumers.consumer import Consumer
from outgrow.journal.consumers.telling import replay_hint, tell_attempt
from outgrow.journal.consumers.waiting import Line, Verdict, judge
from outgrow.journal.inbox import KEEP_SECONDS
from outgrow.journal.messages import DEADLINE_SECONDS, Batch, Contexts, Message, time_of
from outgrow.journal.reading import Journal
from outgrow.journal.replicas import Replica
from outgrow.store import Snapshot, Store, Transaction

IN_FLIGHT_MAX: Final = 64
"""How many commands to one service are under way at once."""

AGE_SECONDS_MAX: Final = KEEP_SECONDS - DEADLINE_SECONDS
"""
How old a command may be when it is called without an operator.

An earlier attempt may have arrived as soon as it was recorded, and the call may arrive as late as
its deadline: the key of the first must be remembered until then.
"""

_SAVE = "update outgrow_cursor set position = ? where consumer = ? and source = ? and position < ?"

Call = Callable[[str, Context, bytes], Awaitable[Any]]
"""
Call a method by name: ``await call("mail.write", context, body)``.

The context is the callee's, and the body is what `encode_arguments` made. Raises what a client
would.
"""


_TOO_OLD = (
    "It is older than the other side remembers keys, so if an earlier attempt arrived there, "
    "another would take effect again. Look there, then replay it or leave it."
)

_log = logging.getLogger("outgrow.journal")


class Sender(Consumer):
    """
    What one service sends to one other.

    The id of the row is the key of the call, so a call that is repeated after a crash has no
    second effect. A problem is an answer, and final. Commands have no order among each other.

    Args:
        journal: The sending service's own.
        destination: The service that is called.
        call: How.
        replica: Says whether this process is the one that sends.
    """

    def __init__(
        self,
        journal: Journal,
        destination: str,
        store: Store,
        call: Call,
        *,
        on_idle: Callable[[], object],
        replica: Replica,
    ) -> None:
        super().__init__(
            f"{store.service} -> {destination}",
            store.service,
            store,
            on_idle,
            held=lambda: replica.led_partitions,
        )
        self._replica = replica
        self._journal = journal
        self._destination = destination
        self._call = call
        self._contexts = Contexts(self._clock)
        journal.watch_commands(destination, self.wake)

    def takes(self, kind: str, topic: str) -> bool:
        return kind == "command" and topic == self._destination

    async def _fetch(self) -> Batch:
        return await self._journal.commands(self.position, self._destination, IN_FLIGHT_MAX)

    async def _deliver(self, batch: Batch) -> None:
        # What is not in the waiting lines may have been called all the same, by a process that
        # ended before it noted so. Nobody knows, so what is too old is not called again.
        fresh = [m for m in batch.messages if m.line not in self.waiting.lines]
        calls, failed = [], []
        for message in fresh:
            if self._is_too_old(message):
                failed.append(self._park(message, 0))
            else:
                calls.append((message, 1))
        failed += await self._call_all(calls)
        crash.at("journal.after_send")
        # All of the batch has been called or is set aside here, so the cursor may move with it.
        await self._store.transact(self._conclude, batch.position, failed)
        for message, verdict in failed:
            self.waiting.added(message, verdict)
        self._saved = batch.position

    async def _conclude(
        self, tx: Transaction, position: int, failed: list[tuple[Message, Verdict]]
    ) -> None:
        await self._replica.check(tx)
        await tx.own(_SAVE, (position, self.name, self.source, position))
        for message, verdict in failed:
            await self.waiting.write_added(tx, message, verdict)

    async def _load_more(self, snapshot: Snapshot) -> None:
        """There is no more."""

    async def _save(self, tx: Transaction, position: int) -> None:
        await self._replica.check(tx)
        await super()._save(tx, position)

    async def _retry(self, lines: list[Line]) -> None:
        if not lines:
            return
        async with self._store.read() as snapshot:
            heads = [await self.waiting.head(snapshot, line) for line in lines]
        calls, failed = [], []
        for message, line in zip(heads, lines, strict=True):
            if self._is_too_old(message) and not line.is_forced:
                failed.append(self._park(message, line.attempts))
            else:
                calls.append((message, line.attempts + 1))
        failed += await self._call_all(calls)
        crash.at("journal.after_resend")
        await self._store.transact(self._conclude_retries, heads, failed)
        verdicts = {message.position: verdict for message, verdict in failed}
        for message, line in zip(heads, lines, strict=True):
            verdict = verdicts.get(message.position)
            if verdict is None:
                self.waiting.removed(line)
            else:
                self.waiting.failed(line, verdict)

    def _is_too_old(self, message: Message) -> bool:
        age = self._clock.now() - time_of(message.recorded_at)
        return age.total_seconds() >= AGE_SECONDS_MAX

    def _park(self, message: Message, attempts: int) -> tuple[Message, Verdict]:
        _log.error(
            "%s: %s (id %s) is parked. %s %s",
            self.name,
            message.type,
            message.id,
            _TOO_OLD,
            replay_hint(self.name, message),
            extra={"correlation_id": message.correlation_id},
        )
        return message, Verdict(attempts, None, _TOO_OLD)

    async def _conclude_retries(
        self, tx: Transaction, heads: list[Message], failed: list[tuple[Message, Verdict]]
    ) -> None:
        await self._replica.check(tx)
        verdicts = {message.position: verdict for message, verdict in failed}
        for message in heads:
            verdict = verdicts.get(message.position)
            if verdict is None:
                await self.waiting.write_removed(tx, message)
            else:
                await self.waiting.write_failed(tx, message, verdict)

    async def _call_all(self, calls: list[tuple[Message, int]]) -> list[tuple[Message, Verdict]]:
        """Call all of *calls* at once, each with the number of its attempt; which have failed."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._call_one(*call)) for call in calls]
        verdicts = [task.result() for task in tasks]
        return [
            (message, verdict)
            for (message, _), verdict in zip(calls, verdicts, strict=True)
            if verdict is not None
        ]

    async def _call_one(self, message: Message, attempt: int) -> Verdict | None:
        """Why the call failed, or None if it was answered."""
        crash.at("journal.before_send")
        context = self._contexts.make(message, message.type, message.id, self._store.service)
        try:
            await self._call(message.type, context, message.body.encode())
        except Problem as problem:
            _log.warning(
                "%s: %s (id %s) was answered with the problem %s: %s. Nobody waits for the answer.",
                self.name,
                message.type,
                message.id,
                type(problem).__qualname__,
                problem,
                extra={"correlation_id": message.correlation_id},
            )
        except Exception as error:  # noqa: BLE001 - the border to the callee
            self.attempts_failed += 1
            verdict = judge(error, attempt, is_patient=_is_patient(error))
            tell_attempt(self.name, message, context, verdict, _cause_of(error))
            return verdict
        self.handled += 1
        return None


def _cause_of(error: Exception) -> BaseException | None:
    """What the callee's code raised; if it runs in another process, that is in its log alone."""
    if isinstance(error, CallFailed):
        return error.__cause__
    return None if isinstance(error, CallError) else error


def _is_patient(error: Exception) -> bool:
    """Whether *error* passes by itself: the other side is away, busy, or of another version."""
    # A refusal of no special kind: its process does not know the method, or cannot read the call.
    is_of_another_version = isinstance(error, ContractDiffers) or type(error) is CallRefused
    return is_of_another_version or isinstance(error, ServiceUnreachable | Overloaded)
