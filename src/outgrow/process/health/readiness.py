"""How far a process is, and which of its services can do their work now."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from outgrow.clock import SystemClock
from outgrow.contracts import ContractModel
from outgrow.store import Store

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether services are ready; also how often their hooks are asked."""

READY_SECONDS_MAX: Final = 1.0
"""How long a service's own hook may take to say that it is ready."""

STORE_LOOKS: Final = 2
"""How many looks in a row must find the store away, before its service is not ready."""

APPLICATION: Final = "application"
"""The name of the process itself among what may not be ready."""

STARTING: Final = "it is starting"
STOPPING: Final = "it is stopping"

Hook = Callable[[], Awaitable[Any]]
"""``async def ready(self)`` of a service: raises, with the reason, unless it can do its work."""

logger = logging.getLogger("outgrow.process")


class Health:
    """
    Says whether a process lives, has started, and which of its services are ready.

    A service is ready unless its store in PostgreSQL cannot be reached, or its own hook says so.
    What may only be slow for a moment is asked twice. Whatever a service asks of others is no
    reason: that they are away is theirs to say, and would be said all the way up.

    Looks by the machine's time, while `run` runs.
    """

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._phase: str | None = STARTING
        self._names: set[str] = set()
        self._stores: dict[str, Store] = {}
        self._hooks: list[tuple[str, Hook]] = []
        self._away: dict[str, int] = {}
        self._unready: dict[str, str] = {}
        self._listeners: list[Callable[[], object]] = []

    @property
    def has_started(self) -> bool:
        """Whether all that must be open was open once; it stays so."""
        return self._phase != STARTING

    @property
    def names(self) -> Collection[str]:
        """The services that are looked after, and the process itself."""
        return {APPLICATION, *self._names}

    @property
    def unready(self) -> dict[str, str]:
        """The services that are not ready, and why; all of them in a process that stops."""
        if self._phase == STOPPING:
            return dict.fromkeys(self._names, STOPPING)
        return dict(self._unready)

    def waiting(self) -> dict[str, str]:
        """All that is not ready, and why: ``application`` is the process itself."""
        phase = {} if self._phase is None else {APPLICATION: self._phase}
        return phase | self._unready

    def watch(
        self, name: str, store: Store | None, service: Any, contracts: Collection[ContractModel]
    ) -> None:
        """
        Look after the service *name* from now on.

        Args:
            service: The instance of one of its classes, which may have a hook.
            contracts: What that class keeps; a method of theirs called ``ready`` is no hook.
        """
        self._names.add(name)
        if store is not None:
            self._stores[name] = store
        hook = getattr(service, "ready", None)
        is_promised = any("ready" in contract.methods for contract in contracts)
        if inspect.iscoroutinefunction(hook) and not is_promised:
            self._hooks.append((name, hook))

    def start(self) -> None:
        """Everything is open."""
        self._phase = None

    def stop(self) -> None:
        """No new work should come."""
        if self._phase != STOPPING:
            self._phase = STOPPING
            self._tell()

    def listen(self, wake: Callable[[], object]) -> Callable[[], None]:
        """Call *wake* when other services are unready, until what is returned is called."""
        self._listeners.append(wake)
        return lambda: self._listeners.remove(wake)

    async def run(self) -> None:
        """Look again and again until cancelled; if there is nothing to look at, return."""
        while self._hooks or self._stores:  # A store that is a file may move to a server.
            await self._clock.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Find out which services are ready now."""
        reasons: dict[str, str] = {}
        async with asyncio.TaskGroup() as tasks:
            asked = [(name, tasks.create_task(_ask(name, hook))) for name, hook in self._hooks]
        for name, task in asked:
            reason = task.result()
            if reason is not None:
                reasons.setdefault(name, reason)
        for service, store in self._stores.items():
            self._away[service] = self._away.get(service, 0) + 1 if store.is_away else 0
            if self._away[service] >= STORE_LOOKS:
                reasons[service] = "its store in PostgreSQL cannot be reached"
        self._note(reasons)

    def _note(self, reasons: dict[str, str]) -> None:
        before, self._unready = self._unready, reasons
        for service, reason in reasons.items():
            if service not in before:
                logger.warning("service %s is not ready: %s", service, reason)
        for service in before.keys() - reasons.keys():
            logger.info("service %s is ready again", service)
        if before.keys() != reasons.keys():
            self._tell()

    def _tell(self) -> None:
        for wake in list(self._listeners):
            wake()


async def _ask(service: str, hook: Hook) -> str | None:
    """Why *service* is not ready by its own account; None if it is."""
    timeout = asyncio.timeout(READY_SECONDS_MAX)
    try:
        async with timeout:
            await hook()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody has cancelled the look: what the hook waited for was. It would end all looks.
        return "its 'ready' was cancelled"
    except Exception as error:
        if timeout.expired():
            return f"its 'ready' took longer than {READY_SECONDS_MAX:g} s"
        logger.debug("service %s is not ready", service, exc_info=error)
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    return None


@asynccontextmanager
async def telling(
    health: Health, *tell: Callable[[Collection[str]], Awaitable[object]]
) -> AsyncIterator[None]:
    """Await each of *tell* with the services that are not ready, whenever these are others."""
    changed = asyncio.Event()
    end = health.listen(changed.set)

    async def follow() -> None:
        while True:
            await changed.wait()
            changed.clear()
            for one in tell:
                await one(health.unready)

    if health.unready:
        changed.set()
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        finally:
            following.cancel()
            end()
    if failure is not None:
        raise failure
