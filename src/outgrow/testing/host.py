"""
A process that lives as long as a test run, and hosts one application after another.

``python -m outgrow.testing.host SOCKET`` serves the control channel on the socket. Its own verbs
are ``begin``, ``end`` and ``faults``; in between it answers those of the application that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from outgrow import crash
from outgrow.clock import ManualClock, SystemClock
from outgrow.errors import ControlError
from outgrow.gateway import Listener
from outgrow.identity import callers_of
from outgrow.process import Application, Options, Seating, declared_services, read_seating
from outgrow.process.apart import Apart
from outgrow.process.control import ControlChannel, Verb, control_verbs
from outgrow.telemetry import TerminalFormatter
from outgrow.testing.faults import Book, around, tell
from outgrow.topology import read_topology


class _Play(msgspec.Struct):
    """An application that is asked for, and what becomes of it."""

    application: Application
    has_begun: asyncio.Future[None]
    is_over: asyncio.Event
    has_ended: asyncio.Future[None]


class Host:
    """Runs what it is told to, one application at a time, each in one task."""

    def __init__(self) -> None:
        self._own: dict[str, Verb] = {
            "begin": self._begin,
            "end": self._end,
            "faults": self._faults,
        }
        self.verbs = dict(self._own)
        self._book = Book()
        self._asked: asyncio.Queue[_Play] = asyncio.Queue()
        self._play: _Play | None = None

    async def run(self) -> None:
        """Run what is asked for, until the process ends."""
        while True:
            play = await self._asked.get()
            try:
                async with start(play):
                    self.verbs.update(control_verbs(play.application))
                    play.has_begun.set_result(None)
                    await play.is_over.wait()
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                self._tell(play, error)
            else:
                play.has_ended.set_result(None)
            finally:
                crash.disarm()  # What waits for this application must not meet the next.
                for verb in set(self.verbs) - set(self._own):
                    del self.verbs[verb]

    async def _begin(self, told: dict[str, Any]) -> Any:
        if self._play is not None:
            message = "an application is running here, and has to end first"
            raise ControlError(message)
        seating = msgspec.convert(told["seating"], Seating)
        options = Options(
            is_open=True,
            state=Path(told["state"]),
            clock=ManualClock(datetime.fromisoformat(told["now"])),
            since=datetime.fromisoformat(told["since"]),
            is_test=True,
        )
        file = Path(told["seating_file"])
        self._book = Book()
        apart = Apart(seating, told["process"], grace_seconds=0.0, file=file)
        apart.reroute = told["reroute"]
        apart.around = partial(around, self._book)
        application = Application(read_topology(Path(told["file"])), apart.options(options))
        declare(file, application)
        loop = asyncio.get_running_loop()
        play = _Play(application, loop.create_future(), asyncio.Event(), loop.create_future())
        self._play = play
        self._asked.put_nowait(play)
        try:
            await play.has_begun
        except Exception:
            self._play = None
            raise
        return {}

    async def _faults(self, told: dict[str, Any]) -> Any:
        """Let something be wrong with the calls of this process, or nothing any more."""
        return {"throws": msgspec.to_builtins(tell(self._book, told))}

    async def _end(self, _: dict[str, Any]) -> Any:
        if self._play is None:
            return {}
        play, self._play = self._play, None
        play.is_over.set()
        await play.has_ended
        return {}

    def _tell(self, play: _Play, error: Exception) -> None:
        if play.has_begun.done():
            play.has_ended.set_exception(error)
            play.has_ended.exception()  # Nobody may ask for the end.
        else:
            play.has_begun.set_exception(error)
            play.has_ended.set_result(None)


def declare(file: Path, application: Application) -> None:
    """Write down what the services of *application* declare, as a supervisor does, and in turn."""
    with (file.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        seating = read_seating(file)
        declared = declared_services(application.services).items()
        pairs = [(caller, called) for caller, services in declared for called in services]
        pairs += [(caller, called) for called, known in seating.callers.items() for caller in known]
        msgspec.structs.replace(seating, callers=callers_of(pairs)).write(file)


@contextlib.asynccontextmanager
async def start(play: _Play) -> AsyncIterator[None]:
    """The application of *play*, and calls let in."""
    async with play.application.run(), play.application.serve():
        yield


async def serve(path: Path) -> None:
    """Serve the control channel at *path* until the process is killed."""
    host = Host()
    listener = Listener(ControlChannel(host.verbs), path, SystemClock(), setting="tests")
    await listener.start()
    await host.run()


def main() -> None:
    """Read the command line, and serve for ever."""
    # What is logged is shown in the report of a test that fails, to people.
    handler = logging.StreamHandler()
    handler.setFormatter(TerminalFormatter(in_colour=False))
    logging.basicConfig(level="WARNING", handlers=[handler], force=True)
    asyncio.run(serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
