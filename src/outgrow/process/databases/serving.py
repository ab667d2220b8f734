"""The embedded server as a child of this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from outgrow.clock import SystemClock
from outgrow.errors import StoreError, StoreRefused
from outgrow.process.databases.embedded import Embedded
from outgrow.process.leash import leashed

STOP_SECONDS_MAX: Final = 15.0
PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 10.0
GOOD_LIFE_SECONDS: Final = 10.0
LOG_BYTES_SHOWN: Final = 2_000

logger = logging.getLogger("outgrow.process")


@asynccontextmanager
async def serving(
    state: Path, application: str, services: Sequence[str]
) -> AsyncIterator[dict[str, str]]:
    """
    Run the embedded server until the end of the block; gives the URL of each service's database.

    It is started again if it ends meanwhile, and it dies with this process.

    Raises:
        StoreInUse: Another process runs it.
        StoreRefused: It cannot run here.
        ExtraMissing: The wheel of PostgreSQL is not installed.
    """
    embedded = Embedded(state, application, services)
    await embedded.take()
    raised: BaseException | None = None
    try:
        server = _Server(embedded)
        await server.start()
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(server.keep())
            try:
                yield embedded.urls
            except BaseException as error:  # noqa: BLE001 - raised again, without a group around it
                raised = error
            keeping.cancel()
            await asyncio.wait([keeping])
            await server.stop()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        embedded.release()
    if raised is not None:
        raise raised


class _Server:
    """One server, and its runs one after another."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded
        self._clock = SystemClock()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when each service has its database."""
        cluster = self._embedded.cluster
        with self._embedded.open_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *leashed(*cluster.command(), on_end=signal.SIGQUIT, user=cluster.account.other),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cluster.data,
                pass_fds=[self._embedded.lock],
                start_new_session=True,  # Ctrl-C is for us; we end the server when we are done.
            )
        try:
            await self._wait_provided()
        except BaseException:
            await self.stop()
            raise

    async def keep(self) -> None:
        """Start it again whenever it ends, after a pause that grows."""
        pause = PAUSE_SECONDS
        while self._process is not None:
            begun = self._clock.monotonic()
            status = await self._process.wait()
            if self._clock.monotonic() - begun >= GOOD_LIFE_SECONDS:
                pause = PAUSE_SECONDS
            logger.error("PostgreSQL ended with %d; it is started again in %.1f s", status, pause)
            await self._clock.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            try:
                await self.start()
            except StoreError as error:
                logger.error("PostgreSQL cannot start: %s", error)  # noqa: TRY400

    async def stop(self) -> None:
        """End it in order; at once, if that takes too long."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process is None or self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._process.wait()

    async def _wait_provided(self) -> None:
        process = self._process
        assert process is not None
        if not await self._embedded.wait_answers(lambda: process.returncode is not None):
            words = self._embedded.log_path.read_text(errors="replace")[-LOG_BYTES_SHOWN:]
            place = str(self._embedded.cluster.data)
            raise StoreRefused(place, f"its PostgreSQL server ended at once. It said: {words}")
        await self._embedded.provide()
