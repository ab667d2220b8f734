"""The life of one process: start, ready, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from outgrow.errors import ControlError, Finding, InvalidTopology
from outgrow.process.application import STATE_FOLDER, Application
from outgrow.process.holding import released, take_lock
from outgrow.process.inherited import ANSWER, LOADED, OPEN, READY, SERVING, Inherited
from outgrow.process.loading import declared_services
from outgrow.process.options import DRAIN_SECONDS_MAX, Options
from outgrow.process.seating import read_seating, seating_path
from outgrow.topology import Address, Plan

LINGER_SECONDS = 1.0
END_SECONDS_MAX = 1.0
SOCKET_PATH_BYTES_MAX = 107
OPEN_TOLD = "--open: everyone is anonymous and has all permissions"

logger = logging.getLogger("outgrow.process")


def run_together(plan: Plan, options: Options) -> None:
    """
    Run the whole application of *plan* in this process, until it is told to end.

    Raises:
        AlreadyRunning: It runs on the same state folder, together or divided.
        OutgrowError: What `run_process` raises.
    """
    state = options.state or plan.folder / STATE_FOLDER
    # Opened before anything else, so that who runs here is said rather than what it has.
    with released(asyncio.run(take_lock(state))):
        run_process(plan, options)


def run_process(plan: Plan, options: Options, inherited: Inherited | None = None) -> None:
    """
    Run the application of *plan* until the process is told to end (Ctrl-C or SIGTERM).

    What is under way then is finished, for at most 10 s; a second signal does not wait for it.

    Args:
        inherited: What the process has from a supervisor that started it. Then it waits for the
            supervisor before it opens its stores, and before it answers HTTP.

    Raises:
        DefinitionError: The program is wrong; nothing was started.
        StoreRefused: A store could not be opened.
        ListenRefused: The address is taken.
    """
    if options.is_open and plan.http is not None:
        check_open(plan, plan.http)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run_to_the_end(plan, options, inherited))


def run_seat(
    plan: Plan, topology: str, process: str, options: Options, inherited: Inherited | None
) -> None:
    """
    Run one process of a topology, which is in its seating already, until it is told to end.

    Args:
        inherited: What the process has from its supervisor; None if a person started it.

    Raises:
        ControlError: The topology does not run, or has no such process.
        OutgrowError: What `run_process` raises.
    """
    # Imported here: who runs everything together finds nobody.
    from outgrow.process.apart import PLAINTEXT_TOLD, Apart  # noqa: PLC0415

    state = options.state or plan.folder / STATE_FOLDER
    path = seating_path(state, topology)
    seating = read_seating(path)
    if process not in seating.seats:
        known = ", ".join(sorted(seating.seats))
        message = f"topology {topology!r} has no process {process!r}. Known: {known}."
        raise ControlError(message)
    host, _, port = (seating.seats[process].http or "").rpartition(":")
    http = Address(host=host.strip("[]"), port=int(port)) if port else None
    options = Apart(seating, process, file=path).options(options)
    if inherited is None and not seating.identity:
        logger.warning(PLAINTEXT_TOLD)
    run_process(replace(plan, http=http), options, inherited)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra

    return uvloop.new_event_loop


def check_open(plan: Plan, http: Address) -> None:
    """
    Refuse to let everyone in where other machines can come.

    Raises:
        InvalidTopology: *http* can be reached from other machines.
    """
    if not http.is_loopback:
        finding = Finding(
            place=str(plan.file),
            message=f"--open lets everyone in, and {http} can be reached from other machines.",
            remedy='With --open, answer on this machine only: http = "127.0.0.1:8080".',
            slug="open-not-loopback",
        )
        raise InvalidTopology([finding])


async def _run_to_the_end(plan: Plan, options: Options, inherited: Inherited | None) -> None:
    """Run; then end the process even if some code does not let itself be ended."""
    try:
        await _run(plan, options, inherited)
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left and (await asyncio.wait(left, timeout=END_SECONDS_MAX))[1]:
            logger.error("some code swallows its cancellation; the process ends without it")
            logging.shutdown()
            os._exit(1)


async def _run(plan: Plan, options: Options, inherited: Inherited | None) -> None:
    told = _Told(is_supervised=inherited is not None)
    told.listen()
    try:
        application = Application(plan, options)
        if inherited is not None:
            # While the process before this one still works, so that its successor is quick.
            _load_ahead()
            declared = declared_services(application.services)
            inherited.say(LOADED, msgspec.json.encode(declared).decode())
            await _wait_either(inherited.wait_told(OPEN), told.to_end)
        if not told.to_end.is_set():
            async with contextlib.AsyncExitStack() as stack:
                if await told.unless(stack.enter_async_context(application.run())):
                    await _serve(application, told.to_end, inherited)
        logger.info("stopped")
    finally:
        told.hear_no_more()


class _Told:
    """
    What the process is told by signals.

    Attributes:
        to_end: Set once it should end.
    """

    def __init__(self, *, is_supervised: bool) -> None:
        self.to_end = asyncio.Event()
        self._is_supervised = is_supervised
        self._start: asyncio.Timeout | None = None

    def listen(self) -> None:
        """Hear signals from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)

    def hear_no_more(self) -> None:
        """
        Let no signal end a supervised process that is ending.

        A loop that closes, and at last Python, give signals back to the system. That would kill the
        process in its last moments, and the supervisor would take it for an accident.
        """
        if not self._is_supervised:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    async def unless(self, start: Awaitable[None]) -> bool:
        """Wait for a *start*, and give it up when the process is told to end; else it is done."""
        try:
            async with asyncio.timeout(None) as self._start:
                await start
        except TimeoutError:
            if self._start is None or not self._start.expired():
                raise
        finally:
            self._start = None
        return not self.to_end.is_set()

    def _end(self) -> None:
        """
        Begin to stop; whoever asks twice does not want to wait.

        Of a supervised process the supervisor knows when it has waited long enough: a second signal
        only says that somebody told all processes, and the supervisor tells them too.
        """
        if self.to_end.is_set():
            if self._is_supervised:
                return
            os._exit(130)
        self.to_end.set()
        if self._start is not None:
            logger.info("the start is given up")
            self._start.reschedule(asyncio.get_running_loop().time())


def _load_ahead() -> None:
    for module in ("outgrow.gateway", "outgrow.calls.grpc", "uvicorn.server"):
        with contextlib.suppress(ModuleNotFoundError):  # An extra: whoever needs it will say so.
            importlib.import_module(module)


async def _serve(
    application: Application, told: asyncio.Event, inherited: Inherited | None
) -> None:
    """Let calls and requests in until the process is told to end; first to end is HTTP."""
    async with _control(application), application.serve():
        if inherited is not None:
            inherited.say(SERVING)
            await _wait_either(inherited.wait_told(ANSWER), told)
            if told.is_set():
                return
        async with _edge(application, inherited):
            logger.info("ready", extra={"application": application.name, "pid": os.getpid()})
            if inherited is not None:
                inherited.say(READY)
            await told.wait()
            logger.info("draining", extra={"seconds_max": DRAIN_SECONDS_MAX})
            application.set_draining()


async def _wait_either(word: Coroutine[Any, Any, bool], told: asyncio.Event) -> None:
    """Wait until the supervisor has said a *word*, or the process is told to end."""
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(word), tasks.create_task(told.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not (waiting[0].done() and waiting[0].result()):
            told.set()  # A supervisor that says something else is no more.
        for task in waiting:
            task.cancel()


@contextlib.asynccontextmanager
async def _control(application: Application) -> AsyncIterator[None]:
    """Serve the control channel on a Unix socket below the state folder."""
    # Imported here: a program that embeds an application serves it by itself.
    from outgrow.gateway import Listener  # noqa: PLC0415
    from outgrow.process.control import ControlChannel, control_verbs  # noqa: PLC0415

    path = _socket_path(application.state, application.options.process)
    verbs = control_verbs(application)
    listener = Listener(ControlChannel(verbs), path, application.clock, setting="--state")
    await listener.start()
    try:
        yield
    finally:
        await listener.stop()


@contextlib.asynccontextmanager
async def _edge(application: Application, inherited: Inherited | None) -> AsyncIterator[None]:
    """Answer HTTP where the plan says; requests that are under way at the end are finished."""
    address = application.plan.http
    if address is None:
        yield
        return
    from outgrow.gateway import Listener  # noqa: PLC0415 - as above

    setting = f"{application.plan.file} [gateway] http"
    opened = None if inherited is None else inherited.listening()
    listener = Listener(
        application.asgi, str(address), application.clock, setting=setting, opened=opened
    )
    await listener.start()
    application.http = listener.url
    _tell_edge(application, is_supervised=inherited is not None)
    try:
        yield
    finally:
        # What takes the place of this process answers at the same address in a moment.
        linger_seconds = 0.0 if inherited is None else LINGER_SECONDS
        cut = await listener.drain(application.seconds_left(), linger_seconds=linger_seconds)
        if cut:
            logger.warning("%d requests were cut off", cut)


def _tell_edge(application: Application, *, is_supervised: bool) -> None:
    """Say where HTTP is answered; what the supervisor says for all is said by no process."""
    url, is_open = application.http, application.options.is_open
    if is_supervised and not application.options.is_gateway:
        return
    logger.info("answering at %s, with its documentation at %s/docs", url, url)
    if is_open and not is_supervised:
        logger.warning(OPEN_TOLD)
    elif not is_open and (guarded := application.guarded_methods()):
        told = "%d methods need a permission, which nobody can have yet; --open lets everyone in"
        logger.warning(told, len(guarded))


def _socket_path(state: Path, process: str) -> Path:
    path = (state / "run" / f"{process}.sock").resolve()
    InvalidTopology.raise_if_any(socket_path_findings(state, [path]))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def socket_path_findings(state: Path, paths: Iterable[Path]) -> list[Finding]:
    """What is wrong with *paths* of Unix sockets below *state*."""
    return [
        Finding(
            place=str(state),
            message=f"the socket's path {path} is longer than the "
            f"{SOCKET_PATH_BYTES_MAX} bytes that a Unix socket may have.",
            remedy="Keep the state in a folder with a shorter path: --state DIR.",
            slug="socket-path",
        )
        for path in paths
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX
    ]
