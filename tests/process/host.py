"""
One process of a topology, for tests of how it is called; it hears of no events.

``python -m tests.process.host FILE DIRECTORY PROCESS``: prints ``ready``, and runs until SIGTERM.
"""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from outgrow.journal import in_process
from outgrow.process import Options, read_seating, start_application
from outgrow.process.apart import Apart
from outgrow.topology import read_topology


async def main(file: str, seating: str, process: str) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    apart = Apart(read_seating(Path(seating)), process)
    options = replace(apart.options(Options(is_open=True)), broker=in_process)
    async with start_application(read_topology(Path(file)), options) as app, app.serve():
        print("ready", flush=True)  # noqa: T201 - the test reads it
        await told.wait()
        app.set_draining()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
