"""The processes of the apart world, which live as long as the test run: one NATS, and hosts."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from outgrow.clock import SystemClock
from outgrow.errors import ExtraMissing, InternalError
from outgrow.process import leashed
from outgrow.topology import Plan

if TYPE_CHECKING:
    from outgrow.identity.certificates import Authority

START_SECONDS_MAX: Final = 20.0
LOOK_SECONDS: Final = 0.005
WORDS_SHOWN: Final = 4_000
LOG_BYTES_SHOWN: Final = 32_000
"""The most that the report of a failing test shows of one process's log."""


class HostProcess:
    """One process of the apart world; started at its first use, and again after it was killed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder
        self.control = folder / f"{name}.sock"
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it if it does not run; `wait_ready` waits until it can be asked."""
        if self.is_alive:
            return
        self.control.unlink(missing_ok=True)
        program = [sys.executable, "-P", "-m", "outgrow.testing.host", str(self.control)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                leashed(*program),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        """Wait until it can be asked."""
        wait_for(self._is_ready, f"the process {self.name} of the apart world")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal; after one that kills, return when it is gone."""
        assert self._process is not None, "start() comes first"
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()

    async def died(self) -> None:
        """Return when it is gone."""
        if not self.is_alive:
            return
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    @property
    def logged(self) -> int:
        """How many bytes its log has."""
        return self.log.stat().st_size if self.log.exists() else 0

    def words_since(self, position: int) -> str:
        """What it has logged behind the byte *position*; the end of it, if it is much."""
        with self.log.open("rb") as log:
            log.seek(max(position, self.logged - LOG_BYTES_SHOWN))
            return log.read().decode(errors="replace")

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-WORDS_SHOWN:] if self.log.exists() else ""

    def _is_ready(self) -> bool:
        if not self.is_alive:
            message = f"the process {self.name} of the apart world ended: {self.last_words()}"
            raise InternalError(message)
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(self.control))
            return True
        return False


class Hosts:
    """
    All processes of the apart world. Lives as long as the test run; they die with it.

    Attributes:
        folder: For sockets; its path is short.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="og-")))
        self.nats = NatsProcess(self.folder)
        self._stack.callback(self.nats.stop)
        self._hosts: dict[tuple[Path, str], HostProcess] = {}

    @cached_property
    def authority(self) -> Authority:
        """Issues the certificates of all applications of this test run."""
        # Imported here: most tests run in one process, and it is slow to import.
        try:
            from outgrow.identity.certificates import Authority  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ExtraMissing("grpc", "tests in the apart world") from error
        return Authority(SystemClock())

    def of(self, plan: Plan, processes: list[str]) -> dict[str, HostProcess]:
        """The processes that host the application of *plan*, all of them ready."""
        hosts = {name: self._host(plan, name) for name in processes}
        for host in hosts.values():
            host.start()
        for host in hosts.values():
            host.wait_ready()
        return hosts

    def _host(self, plan: Plan, name: str) -> HostProcess:
        key = (plan.file, name)
        if key not in self._hosts:
            folder = self.folder / str(len(self._hosts))
            folder.mkdir()
            host = self._hosts[key] = HostProcess(folder, name)
            self._stack.callback(lambda: host.kill() if host.is_alive else None)
        return self._hosts[key]

    def logged(self) -> dict[str, int]:
        """How much each process has logged by now, by the path of its log."""
        return {str(host.log): host.logged for host in self._hosts.values()}

    def logged_since(self, before: dict[str, int]) -> dict[str, str]:
        """What each process that has logged something since *before* has logged, by its name."""
        return {
            host.name: host.words_since(before.get(str(host.log), 0))
            for host in self._hosts.values()
            if host.logged > before.get(str(host.log), 0)
        }

    def close(self) -> None:
        """End all of them, and remove what they kept."""
        self._stack.close()


class NatsProcess:
    """The NATS server of the apart world; it keeps its port when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.storage = folder / "nats"
        self._log = folder / "nats.log"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it if it does not run, and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent))
        program = program or shutil.which("nats-server")
        if program is None:
            raise ExtraMissing("nats", "tests in the apart world")
        self._port = self._port or _free_port()
        options = ["-js", "-sd", str(self.storage), "-a", "127.0.0.1", "-p", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                leashed(program, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, "the NATS server of the apart world")

    def kill(self) -> None:
        """As ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it."""
        self.kill()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1.0):
            return True
        return False


def _free_port() -> int:
    """A port that nobody listens on, below those that the system lends to connections."""
    for port in range(20_000 + os.getpid() % 5_000, 32_768):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    message = "no port below 32768 is free"
    raise InternalError(message)


def wait_for(is_there: Callable[[], bool], what: str) -> None:
    """Look again and again; there is no event loop here that could be told."""
    clock, idle = SystemClock(), Event()
    end = clock.monotonic() + START_SECONDS_MAX
    while not is_there():
        if clock.monotonic() > end:
            message = f"{what} was not there within {START_SECONDS_MAX:.0f} s"
            raise InternalError(message)
        idle.wait(LOOK_SECONDS)
