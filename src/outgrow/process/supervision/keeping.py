"""Keep one process running, whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from datetime import datetime

from outgrow.clock import Clock
from outgrow.process.inherited import ANSWER, LOADED, OPEN, READY, SERVING
from outgrow.process.supervision.instance import Instance, Recipe
from outgrow.process.supervision.merging import Merged

PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 10.0
GOOD_LIFE_SECONDS = 10.0
STOPPING = "everything is stopping"

logger = logging.getLogger("outgrow.process")


class Keeper:
    """
    Keeps one process running: starts it again when it ends, after a pause that grows.

    Attributes:
        name: The process's name.
        instance: Its present run, or its last.
        restarts: How often it was started again because it had ended.
        renewed: How often it was replaced by a new one as it was told.
    """

    def __init__(
        self,
        recipe: Recipe,
        merged: Merged,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        before_open: Callable[[], object] = bool,
    ) -> None:
        """
        Prepare to keep it.

        Args:
            before_open: Called whenever a new run is loaded, before it opens its stores.
        """
        self.name = recipe.name
        self._before_open = before_open
        self.instance: Instance | None = None
        self.restarts = 0
        self.renewed = 0
        self._recipe = recipe
        self._merged = merged
        self._clock = clock
        self._tasks = tasks
        self._successor: Instance | None = None
        self._planned: Instance | None = None
        self._is_stopping = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests now."""
        instance = self.instance
        return instance is not None and instance.has_reached(READY) and not instance.has_ended

    @property
    def since(self) -> datetime | None:
        """When its present run began."""
        return self.instance.began_at if self.instance else None

    @property
    def pid(self) -> int:
        """The number of its present run; 0 while there is none."""
        is_running = self.instance is not None and not self.instance.has_ended
        return self.instance.pid if self.instance is not None and is_running else 0

    @property
    def declared(self) -> list[tuple[str, str]]:
        """Who declares whom, by its present run and by the one that takes its place."""
        runs = [run for run in (self.instance, self._successor) if run is not None]
        return [
            (caller, called)
            for run in runs
            for caller, services in run.declared.items()
            for called in services
        ]

    def launch(self) -> Instance:
        """Start it for the first time; what ends it then is for the caller to see."""
        self.instance = self._begin()
        return self.instance

    async def keep(self) -> None:
        """Start it again whenever it ends, until `stop`."""
        pause = PAUSE_SECONDS
        while self.instance is not None:
            lived_from = self._clock.monotonic()
            status = await self.instance.wait_ended()
            if self._is_stopping.is_set():
                return
            if self._clock.monotonic() - lived_from >= GOOD_LIFE_SECONDS:
                pause = PAUSE_SECONDS
            was_asked = status == 0 and self.instance.has_reached(READY)
            if self._successor is None and not was_asked:
                self._tell_end(status, pause)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._is_stopping.wait()
                        return
                pause = min(2 * pause, PAUSE_SECONDS_MAX)
            self.instance, self._successor = self._successor or self._begin(), None
            if self.instance is self._planned:
                self.renewed += 1
            else:
                self.restarts += 1
            self._tasks.create_task(self._lead(self.instance))

    async def load_successor(self) -> str | None:
        """
        Start a new process, which loads its code while the old one works on.

        Returns:
            Why it cannot; None if it is loaded, and waits for `replace` or `abandon`.
        """
        if self._is_stopping.is_set():
            return STOPPING
        successor = self._successor = self._begin()
        if await successor.wait_step(LOADED):
            return None
        if self._successor is successor:
            self._successor = None
        self._tell_failure(successor)
        return _reason(successor)

    async def replace(self) -> str | None:
        """
        Let the successor that is loaded take the place of the running process.

        Returns:
            Why it takes no requests; None if it does.
        """
        if self._is_stopping.is_set():
            return STOPPING
        # Without one, the old process has ended by itself, and the new one leads already.
        successor = self._successor or self.instance
        assert successor is not None, "it is loaded first"
        if successor is self._successor and successor.has_ended:
            self._successor = None
            return _reason(successor)
        if self.instance is not None and successor is self._successor:
            logger.info("process %s is being replaced", self.name)
            self._planned = None if self.instance.has_ended else successor
            await self.instance.stop()
        return None if await successor.wait_step(READY) else _reason(successor)

    async def abandon(self) -> None:
        """End the successor, if it waits still."""
        successor, self._successor = self._successor, None
        if successor is not None:
            await successor.stop()

    async def stop(self) -> bool:
        """Let it end in order, and start it no more; whether it ended in order."""
        self._is_stopping.set()
        running = [i for i in (self._successor, self.instance) if i and not i.has_ended]
        ended = [await instance.stop() for instance in running]
        return all(ended)

    def kill(self) -> None:
        """End it at once."""
        self._is_stopping.set()
        for instance in (self.instance, self._successor):
            if instance is not None:
                instance.send_signal(signal.SIGKILL)

    def _begin(self) -> Instance:
        instance = Instance(self._recipe, self._merged, self._clock)
        self._tasks.create_task(instance.run())
        return instance

    async def _lead(self, instance: Instance) -> None:
        """Lead a new run to where it takes requests; it waits for no other process."""
        if await instance.wait_step(LOADED):
            self._before_open()
            instance.say(OPEN)
        if await instance.wait_step(SERVING):
            instance.say(ANSWER)
        if await instance.wait_step(READY):
            done = "was replaced" if instance is self._planned else "is back"
            logger.info("process %s %s", self.name, done, extra={"child_pid": instance.pid})
        elif not self._is_stopping.is_set():
            self._tell_failure(instance)

    def _tell_end(self, status: int, pause: float) -> None:
        logger.error(
            "process %s %s; it is started again in %.1f s", self.name, ending(status), pause
        )

    def _tell_failure(self, instance: Instance) -> None:
        if instance.failure is not None:
            logger.error("process %s cannot start: %s", self.name, instance.failure.text)


def _reason(instance: Instance) -> str:
    """Why *instance* does not run."""
    if instance.failure is not None:
        return instance.failure.text
    return f"it {ending(instance.status)}; its log says more"


def ending(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
