"""A handler that listens to one service: each event has its effect once, in order of its key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from outgrow import crash
from outgrow.context import Context, enter, leave
from outgrow.contracts import Event, EventReader
from outgrow.errors import CommitUnknown, EventUnreadable, StoreUnreachable
from outgrow.journal.consumers.consumer import Consumer, Held
from outgrow.journal.consumers.lanes import in_lanes
from outgrow.journal.consumers.telling import tell_attempt
from outgrow.journal.consumers.waiting import Line, OutOfStep, Verdict, judge
from outgrow.journal.messages import Batch, Contexts, Message, Source
from outgrow.journal.replicas import EVERYTHING
from outgrow.store import Snapshot, Store, Transaction

EVENTS_PER_TURN: Final = 64
"""How many events are handled before others of the process get their turn."""

_LOAD = "select partition, position from outgrow_highwater where consumer = ? and source = ?"
_FIRST = (
    "insert into outgrow_highwater (consumer, source, partition, position) values (?, ?, ?, ?) "
    "on conflict (consumer, source, partition) do nothing returning position"
)
_NEXT = (
    "update outgrow_highwater set position = ? "
    "where consumer = ? and source = ? and partition = ? and position = ? returning position"
)

NOT_THE_HANDLERS: Final = (OutOfStep, CommitUnknown, StoreUnreachable)
"""What says nothing of the event: the store is asked again how things are."""

Handle = Callable[[Transaction, Any], Awaitable[None]]


class Subscription(Consumer):
    """
    One handler's share of one source.

    An event is one unit of work in the handler's store: the effect, and the position of the event
    as the highwater of its partition. The unit demands that the highwater is still that of the
    event before it. So an event at or below the highwater was handled and is passed over, and none
    can be handled before its forerunner, whatever happens to the commits in between.

    Args:
        handle: The handler: a method of the service.
        events: What it listens to, by all their names on the wire.
        held: The partitions that this process handles; where they are others in truth, the
            highwater says so.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        store: Store,
        *,
        handle: Handle,
        events: dict[str, type[Event]],
        on_idle: Callable[[], object],
        held: Held = lambda: EVERYTHING,
    ) -> None:
        super().__init__(name, source.service, store, on_idle, held=held, is_divided=True)
        self._journal = source
        self._handle = handle
        self._readers = _readers_of(events)
        self._contexts = Contexts(self._clock)
        self._highwater: dict[int, int] = {}
        source.watch(events, self.wake)

    @property
    def handled_up_to(self) -> int:
        """The highest position that was handled or waits; 0 if there is none."""
        return max(self._highwater.values(), default=0)

    def takes(self, kind: str, topic: str) -> bool:
        return kind == "event" and topic in self._readers

    async def _load_more(self, snapshot: Snapshot) -> None:
        self._highwater = dict(await snapshot.own(_LOAD, (self.name, self.source)))

    async def _fetch(self) -> Batch:
        return await self._journal.events(self.position, self._readers, EVENTS_PER_TURN)

    async def _deliver(self, batch: Batch) -> None:
        if self._store.dialect == "postgresql":  # There units of work run at once.
            await in_lanes(batch.messages, self._take_alone)
            return
        commits = []
        try:
            for message in batch.messages:
                if self._is_new(message):
                    commits.append(await self._take(message))  # noqa: PERF401 - kept if one raises
        finally:
            failures = [failure for commit in commits if (failure := await _failure(commit))]
        if failures:
            raise failures[0]

    def _is_new(self, message: Message) -> bool:
        """Whether *message* is this process's, and was neither handled nor does it wait."""
        of = message.partition
        if of not in self._partitions or message.position <= self._floors[of]:
            return False
        return message.position > self._highwater.get(of, 0)

    async def _take_alone(self, message: Message) -> None:
        if self._is_new(message):
            await (await self._take(message))

    async def _take(self, message: Message) -> Awaitable[None]:
        """Run the unit of *message*; what comes back waits for its commit."""
        previous = self._highwater.get(message.partition, 0)
        if self.waiting.line_of(message) in self.waiting.lines:
            commit = await self._store.submit(self._set_aside, message, previous, None)
            self.waiting.added(message, None)
        else:
            context = self._context(message)
            try:
                commit = await self._attempt(message, previous, context)
                self.handled += 1
            except NOT_THE_HANDLERS:
                raise
            except Exception as error:  # noqa: BLE001 - the border to the handler
                verdict = self._judge(message, error, 1, context)
                commit = await self._store.submit(self._set_aside, message, previous, verdict)
                self.waiting.added(message, verdict)
        self._highwater[message.partition] = message.position
        return commit

    async def _retry(self, lines: list[Line]) -> None:
        for line in lines:
            async with self._store.read() as snapshot:
                message = await self.waiting.head(snapshot, line)
            context = self._context(message)
            try:
                await (await self._attempt(message, None, context))
            except NOT_THE_HANDLERS:
                raise
            except Exception as error:  # noqa: BLE001 - the border to the handler
                verdict = self._judge(message, error, line.attempts + 1, context)
                crash.at("journal.before_failure_noted")
                await self._store.transact(self.waiting.write_failed, message, verdict)
                self.waiting.failed(line, verdict)
            else:
                self.handled += 1
                self.waiting.removed(line)

    def _context(self, message: Message) -> Context:
        """The context of the next attempt at *message*."""
        return self._contexts.make(message, self.name, f"{message.id}/{self.name}")

    async def _attempt(
        self, message: Message, previous: int | None, context: Context
    ) -> Awaitable[None]:
        """Run the handler's unit inside of *context*."""
        token = enter(context)
        try:
            return await self._store.submit(self._effect, message, previous)
        finally:
            leave(token)

    async def _effect(self, tx: Transaction, message: Message, previous: int | None) -> None:
        """The unit of an event; without *previous* it has waited, and waits no more."""
        if previous is None:
            await self.waiting.write_removed(tx, message)
        else:
            await self._advance(tx, message, previous)
        crash.at("journal.before_effect")
        await self._handle(tx, self._decode(message))
        crash.at("journal.after_effect")

    async def _set_aside(
        self, tx: Transaction, message: Message, previous: int, verdict: Verdict | None
    ) -> None:
        """The unit of an event that waits."""
        await self._advance(tx, message, previous)
        await self.waiting.write_added(tx, message, verdict)
        crash.at("journal.after_set_aside")

    async def _advance(self, tx: Transaction, message: Message, previous: int) -> None:
        """Make *message* the highwater of its partition, if that is what comes after *previous*."""
        of = (self.name, self.source, message.partition)
        if previous:
            rows = await tx.own(_NEXT, (message.position, *of, previous))
        else:
            rows = await tx.own(_FIRST, (*of, message.position))
        if not rows:
            raise OutOfStep(f"{of}: position {message.position} does not follow {previous}")

    def _decode(self, message: Message) -> Any:
        what = f"{message.type} at position {message.position} of {self.source}"
        reader = self._readers.get(message.type)
        if reader is None:
            raise EventUnreadable(
                f"{what}: {self.name} listens to no event of this name any more. If the class was "
                "renamed, let the new one name the former among its aliases"
            )
        try:
            return reader.read(message.schema, message.body)
        except EventUnreadable as error:
            raise EventUnreadable(f"{what}: {error}") from error.__cause__

    def _judge(
        self, message: Message, error: Exception, attempts: int, context: Context
    ) -> Verdict:
        self.attempts_failed += 1
        verdict = judge(error, attempts)
        cause = error.__cause__ if isinstance(error, EventUnreadable) else error
        tell_attempt(self.name, message, context, verdict, cause)
        return verdict


def _readers_of(events: dict[str, type[Event]]) -> dict[str, EventReader]:
    readers = {event: EventReader(event) for event in events.values()}
    return {name: readers[event] for name, event in events.items()}


async def _failure(commit: Awaitable[None]) -> Exception | None:
    """Why the commit did not happen, if it did not."""
    try:
        await commit
    except Exception as error:  # noqa: BLE001 - raised by whoever asked, once all are known
        return error
    return None
