"""The life of one process: start, ready, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from outgrow.errors import Finding, InvalidTopology
from outgrow.process.application import Application, start_application
from outgrow.process.control import ControlChannel, control_verbs
from outgrow.process.options import Options
from outgrow.topology import Plan

DRAIN_SECONDS_MAX = 10.0
END_SECONDS_MAX = 1.0
SOCKET_PATH_BYTES_MAX = 107

logger = logging.getLogger("outgrow.process")


def run_process(plan: Plan, options: Options) -> None:
    """
    Run the application of *plan* until the process is told to end (Ctrl-C or SIGTERM).

    What is under way then is finished, for at most 10 s; a second signal does not wait for it.

    Raises:
        DefinitionError: The program is wrong; nothing was started.
        StoreRefused: A store could not be opened.
        ListenRefused: The address is taken.
    """
    _check_open(plan, options)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run_to_the_end(plan, options))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra

    return uvloop.new_event_loop


def _check_open(plan: Plan, options: Options) -> None:
    if options.is_open and plan.http is not None and not plan.http.is_loopback:
        finding = Finding(
            place=str(plan.file),
            message=f"--open lets everyone in, and {plan.http} can be reached from other machines.",
            remedy='With --open, answer on this machine only: http = "127.0.0.1:8080".',
            slug="open-not-loopback",
        )
        raise InvalidTopology([finding])


async def _run_to_the_end(plan: Plan, options: Options) -> None:
    """Run; then end the process even if some code does not let itself be ended."""
    try:
        await _run(plan, options)
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left and (await asyncio.wait(left, timeout=END_SECONDS_MAX))[1]:
            logger.error("some code swallows its cancellation; the process ends without it")
            logging.shutdown()
            os._exit(1)


async def _run(plan: Plan, options: Options) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _tell, told)
    async with start_application(plan, options) as application:
        if not told.is_set():
            await _serve(application, told)
    logger.info("stopped")


async def _serve(application: Application, told: asyncio.Event) -> None:
    """Let requests in until the process is told to end."""
    async with _control(application), application.serve(), _edge(application):
        logger.info("ready", extra={"application": application.name, "pid": os.getpid()})
        await told.wait()
        logger.info("draining", extra={"seconds_max": DRAIN_SECONDS_MAX})
        application.set_draining()


def _tell(told: asyncio.Event) -> None:
    """Begin to stop; whoever asks twice does not want to wait."""
    if told.is_set():
        os._exit(130)
    told.set()


@contextlib.asynccontextmanager
async def _control(application: Application) -> AsyncIterator[None]:
    """Serve the control channel on a Unix socket below the state folder."""
    # Imported here: a program that embeds an application serves it by itself.
    from outgrow.gateway import Listener  # noqa: PLC0415

    path = _socket_path(application.state, application.options.process)
    verbs = control_verbs(application)
    listener = Listener(ControlChannel(verbs), path, application.clock, setting="--state")
    await listener.start()
    try:
        yield
    finally:
        await listener.stop()


@contextlib.asynccontextmanager
async def _edge(application: Application) -> AsyncIterator[None]:
    """Answer HTTP where the plan says; requests that are under way at the end are finished."""
    address = application.plan.http
    if address is None:
        yield
        return
    from outgrow.gateway import Listener  # noqa: PLC0415 - as above

    setting = f"{application.plan.file} [gateway] http"
    listener = Listener(application.asgi, str(address), application.clock, setting=setting)
    await listener.start()
    logger.info("answering at %s, with its documentation at %s/docs", listener.url, listener.url)
    if application.options.is_open:
        logger.warning("--open: everyone is anonymous and has all permissions")
    elif guarded := application.guarded_methods():
        logger.warning(
            "%d methods need a permission, which nobody can have yet; --open lets everyone in",
            len(guarded),
        )
    try:
        yield
    finally:
        cut = await listener.drain(DRAIN_SECONDS_MAX)
        if cut:
            logger.warning("%d requests were cut off", cut)


def _socket_path(state: Path, process: str) -> Path:
    path = (state / "run" / f"{process}.sock").resolve()
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        finding = Finding(
            place=str(state),
            message=f"the control channel's path {path} is longer than the "
            f"{SOCKET_PATH_BYTES_MAX} bytes that a Unix socket may have.",
            remedy="Keep the state in a folder with a shorter path: --state DIR.",
            slug="socket-path",
        )
        raise InvalidTopology([finding])
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
