"""Who listens here, and to whom: the handlers of this process and where each begins."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from outgrow.contracts import place_of
from outgrow.errors import Finding, InvalidService, OutgrowError
from outgrow.journal.archiving import warn_of_archives
from outgrow.journal.broker import Broker
from outgrow.journal.consumers import Call, Consumer, Subscription
from outgrow.journal.handlers import handlers_of
from outgrow.journal.inbox import Inbox
from outgrow.journal.messages import Source
from outgrow.journal.outbox import Outbox
from outgrow.journal.reading import Journal
from outgrow.journal.replicas import Replica
from outgrow.journal.timing import TOPIC, Timers
from outgrow.store import Store

_log = logging.getLogger("outgrow.journal")


class Post:
    """What a service with a store sends out from here."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        call: Call,
        on_idle: Callable[[], object],
        lease_seconds: float,
    ) -> None:
        self.replica = Replica(store, outbox.hear, term_seconds=lease_seconds)
        self.store = store
        self.outbox = outbox
        self.call = call
        self.journal = Journal(store, outbox, self.replica)
        self.inbox = Inbox(store)
        self.timers = Timers(store, outbox.timers, outbox.destinations, on_idle, self.replica.leads)
        self.senders: set[str] = set()
        outbox.watch([TOPIC], self.timers.wake)
        outbox.tell_others(self.replica.tell)
        self.replica.watch(self.timers.wake)
        self.replica.watch(on_idle)


class Listening:
    """
    The handlers of the services of this process. Lives as long as its delivery.

    Attributes:
        broker: What handlers read is asked of it.
        sources: What is read here, by the service that records it.

    Args:
        posts: The hosted services that have a store, by service.
        consumers: Where handlers go; senders stand there too.
        wrap: What handlers read instead of a journal.
        on_idle: Called whenever one of them has nothing left to do.
    """

    def __init__(
        self,
        posts: Mapping[str, Post],
        consumers: list[Consumer],
        broker: Broker,
        wrap: Callable[[Source], Source] | None,
        on_idle: Callable[[], object],
    ) -> None:
        self.broker = broker
        self.sources: dict[str, Source] = {}
        self._posts = posts
        self._consumers = consumers
        self._wrap = wrap
        self._on_idle = on_idle
        self._starts: list[tuple[Subscription, bool]] = []

    def subscribe(self, service: str, implementation: Any) -> None:
        """
        Let the handlers of *implementation*, the object that keeps the hosted *service*, listen.

        Raises:
            InvalidService: It listens and has no store, to a service that is not there, or to an
                event whose past cannot be read.
        """
        findings = []
        for handler in handlers_of(type(implementation)):
            name, handle = f"{service}.{handler.method}", handler.bind(implementation)
            method = getattr(implementation, handler.methods[0])
            post = self._posts.get(service)
            unreadable = handler.unreadable_events()
            if unreadable:
                findings += unreadable
                continue
            for source, events in handler.events_by_source().items():
                read = self._source(source)
                if post is None or read is None:
                    findings.append(_cannot_listen(name, method, source, has_store=bool(post)))
                    continue
                subscription = Subscription(
                    name,
                    read,
                    post.store,
                    handle=handle,
                    events=events,
                    on_idle=self._on_idle,
                    held=lambda post=post: post.replica.partitions,  # type: ignore[misc]
                )
                post.replica.watch(subscription.wake)
                self._consumers.append(subscription)
                self._starts.append((subscription, handler.since == "now"))
        InvalidService.raise_if_any(list(dict.fromkeys(findings)))

    async def open(self) -> None:
        """
        Learn where each handler stands, and settle durably where new ones begin.

        Raises:
            BrokerUnreachable: A new handler's source, in another process, did not tell in time
                where its journal ends.
        """
        for subscription, from_now in self._starts:
            source = self.sources[subscription.source]
            await subscription.open(
                source.end if from_now else partial(self._from_beginning, subscription)
            )

    async def end_of(self, service: str) -> int:
        """The position of the last message of *service*, as far as it can arrive here."""
        post = self._posts.get(service)
        return await (self.sources[service] if post is None else post.journal).end()

    async def tell_ahead(self) -> None:
        """Tell of handlers that are ahead of their source: its store is older than theirs."""
        for subscription, _ in self._starts:
            source, handled = subscription.source, subscription.handled_up_to
            post = self._posts.get(source)
            try:
                # Another process may know already that a gap will not be filled.
                end = await (self.end_of(source) if post is None else post.journal.last())
            except OutgrowError:
                continue  # Nothing can be said of it; nor is anything read.
            if handled > end:
                _log.error(
                    "%s has handled events of %r up to position %d, and the journal ends at %d: "
                    "the store of %r was replaced by an older one. New events up to that position "
                    "are passed over. Put the newer store back, or give the handler another name, "
                    "under which it begins anew",
                    subscription.name,
                    source,
                    handled,
                    end,
                    source,
                )

    def _source(self, service: str) -> Source | None:
        if service not in self.sources:
            found = self.broker.source(service)
            if found is None:
                return None
            self.sources[service] = found if self._wrap is None else self._wrap(found)
        return self.sources[service]

    async def _from_beginning(self, subscription: Subscription) -> int:
        """The beginning of a journal; who begins there is told if some of it is not there."""
        post = self._posts.get(subscription.source)
        if post is not None:
            deleted_up_to = await post.journal.deleted_up_to()
            warn_of_archives(subscription.name, subscription.source, deleted_up_to)
        return 0


def _cannot_listen(name: str, method: Any, source: str, *, has_store: bool) -> Finding:
    if not has_store:
        return Finding(
            place=place_of(inspect.unwrap(method)),
            message=f"{name} listens, and its service has no store.",
            remedy="That an event was handled is noted in the service's own store. "
            "Give the service a field: store: Store.",
            slug="handler-without-store",
        )
    return Finding(
        place=place_of(inspect.unwrap(method)),
        message=f"{name} listens to {source!r}, which records nothing in this application.",
        remedy="A service that records events is among the application's services, and has a field "
        "store: Store.",
        slug="handler-without-source",
    )
