"""All that the services of a process must still hear of, or be told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from outgrow.clock import Clock
from outgrow.errors import BrokerUnreachable, ControlError
from outgrow.journal.archiving import Archives
from outgrow.journal.auditing import DROPPED, REPLAYED, Decisions, Fates, Histories
from outgrow.journal.broker import Broker, InProcessBroker
from outgrow.journal.consumers import Call, Consumer, ConsumerStatistics, Sender
from outgrow.journal.inbox import Inbox
from outgrow.journal.listening import Listening, Post
from outgrow.journal.messages import Source
from outgrow.journal.outbox import Outbox
from outgrow.journal.overview import Overview
from outgrow.journal.reading import Journal
from outgrow.journal.replicas import LEASE_SECONDS, Replica
from outgrow.journal.timing import Timers, TimerStatistics
from outgrow.store import Store

PRUNE_SECONDS: Final = 1.0
"""How often each inbox is looked at for what may be forgotten."""

_log = logging.getLogger("outgrow.journal")


class Delivery:
    """
    Runs the consumers of a process's services. Lives as long as its application.

    In the order of its life: `host` each service that has a store, `connect` a broker if services
    of other processes are listened to, `subscribe` each service's object, `open`, then let calls in
    and `run`; `stop` at the end.

    Attributes:
        journals: The journals of the hosted services, by service.
        overview: The same journals and their consumers, for an operator.
        decisions: What an operator decides about messages.
        fates: What became of single messages.
        histories: Who did what, when.
        archives: What of the journals is in files.

    Args:
        clock: The application's.
        wrap: What consumers read instead of a journal; tests repeat and hold back events with it.
        lease_seconds: How long a process that says nothing keeps its share of a store that several
            have open.
    """

    def __init__(
        self,
        clock: Clock,
        wrap: Callable[[Source], Source] | None = None,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._posts: dict[str, Post] = {}
        self._stores: dict[str, Store] = {}
        self._outboxes: dict[str, Outbox] = {}
        self.journals: dict[str, Journal] = {}
        self._consumers: list[Consumer] = []
        self._former: dict[str, tuple[str, ...]] = {}
        self.overview = Overview(self._stores, self._consumers, self._former)
        self.decisions = Decisions(self._consumers, self._stores, self._outboxes)
        self.fates = Fates(self._consumers, self._stores)
        self.histories = Histories(self._stores)
        self.archives = Archives(self._stores, self._outboxes, self.journals)
        self._group: asyncio.TaskGroup | None = None
        self._adding = asyncio.Lock()
        self._moved = asyncio.Event()
        self._listening = Listening(
            self._posts, self._consumers, InProcessBroker(self.journals), wrap, self._moved.set
        )
        self._attention = asyncio.Event()
        self._is_stopping = False

    def host(
        self,
        store: Store,
        outbox: Outbox,
        call: Call,
        former: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Inbox:
        """
        Host a service: its journal can be read, and what it sends goes out from here.

        Args:
            store: The service's.
            outbox: What the store was opened with.
            call: How sent commands reach their services.
            former: The names that events of the service had before, by their names of today.

        Returns:
            What the service remembers of its plain commands; pruned from here.
        """
        post = self._posts[store.service] = Post(
            store, outbox, call, self._moved.set, self._lease_seconds
        )
        self.journals[store.service] = post.journal
        self._stores[store.service] = store
        self._outboxes[store.service] = outbox
        self._former |= former or {}
        outbox.watch((), lambda: self._look_for_destinations(post))
        outbox.watch([DROPPED, REPLAYED], lambda: self._reload_consumers(store.service))
        post.replica.watch(self._attention.set)
        return post.inbox

    def connect(self, broker: Broker) -> None:
        """Let handlers read what *broker* carries."""
        self._listening.broker = broker

    def subscribe(self, service: str, implementation: Any) -> None:
        """
        Let the handlers of *implementation*, the object that keeps the hosted *service*, listen.

        Raises:
            InvalidService: It listens and has no store, to a service that is not there, or to an
                event whose past cannot be read.
        """
        self._listening.subscribe(service, implementation)

    async def open(self) -> None:
        """
        Learn where each consumer stands, and settle durably where new ones begin.

        Nothing may be recorded before this has returned: a new handler would miss it. What is
        recorded after it is heard by all new handlers of processes that had begun by then.

        Raises:
            BrokerUnreachable: A new handler's source did not tell in time where its journal ends.
        """
        await self._listening.open()
        for post in self._posts.values():
            post.outbox.destinations |= set(await post.journal.destinations())
            await post.journal.note_opening()
        await self._add_senders()

    async def run(self) -> None:
        """
        Deliver until `stop` is called; then what has begun is finished.

        Cancelled:
            What has begun is cut off, and no task is left. Nothing is lost: after the next start
            events are delivered that were not handled, and commands that were under way are called
            again, under the same keys.
        """
        async with asyncio.TaskGroup() as group:
            holding = [group.create_task(post.replica.run()) for post in self._posts.values()]
            await self._deliver()
            for one in holding:
                one.cancel()
        for post in self._posts.values():
            await post.replica.leave()

    async def _deliver(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for runner in self._runners():
                    group.create_task(runner.run())
                telling = group.create_task(self._listening.tell_ahead())
                await self._keep_house()
                telling.cancel()
                for runner in self._runners():
                    runner.stop()
        finally:
            self._group = None

    def stop(self) -> None:
        """Let `run` end. What is not delivered now is delivered after the next start."""
        self._is_stopping = True
        self._attention.set()

    async def settle(self) -> float | None:
        """
        Wait until each consumer is at the end of its source and nothing is under way or due.

        Returns:
            Seconds until the earliest retry is due, of a message or of who could not use its own
            store; None if there is none: move the clock. Timers that are not due are no retries.
        """
        await _look_anew(self._posts.values(), self._consumers)
        while True:
            self._moved.clear()
            await self._add_senders()
            consumers = list(self._consumers)  # A sender may join them meanwhile.
            ends = {name: await self._end_of(name) for name in {c.source for c in consumers}}
            busy: list[Consumer | Timers] = [c for c in consumers if c.is_busy(ends[c.source])]
            busy += [post.timers for post in self._posts.values() if post.timers.is_busy]
            for one in busy:
                if one.is_resting:  # One that is at work would only begin once more.
                    one.wake()
            if busy or self._is_unsure({c.source for c in consumers}):
                await self._moved.wait()
            elif len(consumers) == len(self._consumers) and not self._moved.is_set():
                break  # Else one has come to rest since the ends were asked for, and may have sent.
        dues = [due for c in self._consumers if (due := c.next_due) is not None]
        dues += [at for p in self._posts.values() if (at := p.timers.recovers_at) is not None]
        return max(min(dues) - self._clock.monotonic(), 0.0) if dues else None

    def _is_unsure(self, sources: set[str]) -> bool:
        """Whether the end of one of *sources*, or what is this process's, is yet to be known."""
        if not all(post.replica.is_ready for post in self._posts.values()):
            return True
        frontiers = [p.journal.frontier for name, p in self._posts.items() if name in sources]
        return any(frontier is not None and frontier.is_waiting for frontier in frontiers)

    async def statistics(self) -> list[ConsumerStatistics]:
        """How each consumer is doing."""
        ends: dict[str, int | None] = {}
        consumers = list(self._consumers)  # As above.
        for name in {consumer.source for consumer in consumers}:
            try:
                ends[name] = await self._end_of(name)
            except BrokerUnreachable:
                ends[name] = None
        return [consumer.statistics(ends[consumer.source]) for consumer in consumers]

    def replica(self, service: str) -> Replica:
        """What of the common work of a hosted *service* is this process's."""
        return self._posts[service].replica

    def replicas(self) -> dict[str, dict[str, Any]]:
        """What of each service's work is this process's, by service; and the limits of leases."""
        return {
            name: post.replica.statistics() | {"frontier": post.journal.statistics()}
            for name, post in self._posts.items()
        }

    async def timers(self) -> list[TimerStatistics]:
        """How the timers of each service here are doing."""
        return [await post.timers.statistics() for post in self._posts.values()]

    async def _end_of(self, service: str) -> int:
        return await self._listening.end_of(service)

    async def broker_statistics(self) -> dict[str, Any]:
        """What the broker carried, and its limits; nothing if all services are here."""
        return await self._listening.broker.statistics()

    async def activity(self) -> int:
        """A number that grows with whatever is recorded or tried."""
        ends = [await journal.end() for journal in self.journals.values()]
        return sum(ends) + sum(c.handled + c.attempts_failed for c in self._consumers)

    async def inboxes(self) -> dict[str, dict[str, float]]:
        """What each service with a store remembers of its commands, by service."""
        return {name: await post.inbox.statistics() for name, post in self._posts.items()}

    async def replay(self, consumer: str, key: str | None) -> int:
        """
        Try again what waits for *consumer* under *key*; how many messages that are.

        Args:
            consumer: ``service.method`` of a handler, or ``service -> service`` of sent commands.
            key: The events' key; the id of what has none; None for all keys.

        Raises:
            ControlError: There is no such consumer here.
        """
        found = [known for known in self._consumers if known.name == consumer]
        if not found:
            raise _no_consumer(consumer, self._consumers)
        keys = [(known, one) for known in found for one in known.waiting_keys(key)]
        return sum([await known.replay(one) for known, one in keys])

    def _runners(self) -> list[Consumer | Timers]:
        return [*self._consumers, *(post.timers for post in self._posts.values())]

    def _look_for_destinations(self, post: Post) -> None:
        if post.outbox.destinations != post.senders:
            self._attention.set()

    async def _add_senders(self) -> None:
        async with self._adding:
            for post in self._posts.values():
                for destination in sorted(post.outbox.destinations - post.senders):
                    await self._add_sender(post, destination)

    async def _add_sender(self, post: Post, destination: str) -> None:
        sender = Sender(
            post.journal,
            destination,
            post.store,
            post.call,
            on_idle=self._moved.set,
            replica=post.replica,
        )
        post.replica.watch(sender.wake)
        await sender.open(_beginning)
        post.senders.add(destination)
        self._consumers.append(sender)
        if self._group is not None and not self._is_stopping:
            self._group.create_task(sender.run())

    async def _keep_house(self) -> None:
        while not self._is_stopping:
            self._attention.clear()
            try:
                await self._add_senders()
                for post in self._posts.values():
                    if post.replica.leads():
                        await self._look_after(post)
            except Exception:  # noqa: BLE001 - the relay is a border: it tries again later
                _log.exception("keeping the journal's house was interrupted")
            timer = self._clock.call_at(
                self._clock.monotonic() + PRUNE_SECONDS, self._attention.set
            )
            try:
                await self._attention.wait()
            finally:
                timer.cancel()

    async def _look_after(self, post: Post) -> None:
        """What the process that leads does for all that have the service's store open."""
        if post.store.is_shared:
            post.outbox.destinations |= set(await post.journal.destinations())
            await self._add_senders()
        await post.inbox.prune(until=self._attention.is_set, check=post.replica.check)

    def _reload_consumers(self, service: str) -> None:
        for consumer in self._consumers:
            if consumer.service == service:
                consumer.reload()


def _no_consumer(name: str, known: Iterable[Consumer]) -> ControlError:
    names = ", ".join(sorted({consumer.name for consumer in known})) or "none"
    return ControlError(f"{name!r} is no consumer of this process. There are: {names}.")


async def _look_anew(posts: Iterable[Post], consumers: Iterable[Consumer]) -> None:
    """Look at what other processes have committed, of which a notice may be on its way still."""
    shared = [post for post in posts if post.store.is_shared]
    for post in shared:
        # Also if no others are known yet: one may have joined, and sent something, unheard.
        post.outbox.destinations |= set(await post.journal.destinations())
    crowded = [post for post in shared if post.replica.has_others]
    for post in crowded:
        post.timers.wake()
    names = {post.store.service for post in crowded}
    for consumer in consumers:
        if consumer.service in names:
            consumer.reload()


async def _beginning() -> int:
    return 0
