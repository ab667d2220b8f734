"""
The price of the split: the shop in one process and in several, the same purchases through HTTP.

Processor time is that of all processes of the shop together, NATS and the supervisor among them.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.measure import ROUNDS_MIN, Rounds

SHOP = Path(__file__).parents[1] / "examples" / "shop"
PURCHASES = 400
IDLE_SECONDS = 4.0
SECONDS_MAX = 30.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Life:
    """
    What one life of the shop cost.

    Attributes:
        start_seconds: From the command to the first answer.
        idle_share: Processor time per second while nobody asks.
        order_milliseconds: Processor time of all processes per purchase that was sent.
        megabytes: Resident memory of each process after the purchases, by its name.
    """

    start_seconds: float
    idle_share: float
    order_milliseconds: float
    megabytes: dict[str, float]


@contextmanager
def shop(*topology: str) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The shop as a program, where it answers, and how long its start took."""
    state = tempfile.mkdtemp(prefix="og-")
    file = SHOP / "outgrow.toml"
    command = [sys.executable, "-m", "outgrow", "run", *topology, "--file", str(file), "--open"]
    arguments = ["--http", "127.0.0.1:0", "--state", state]
    begun = time.perf_counter()
    with subprocess.Popen(
        [*command, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "answering at" in line)
            url = line.split("answering at ")[1].split(",")[0]
            seconds = time.perf_counter() - begun
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            yield process, url, seconds
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=SECONDS_MAX)
            drain.wait(timeout=SECONDS_MAX)
            shutil.rmtree(state)


def family(pid: int) -> list[int]:
    """*pid* and all that it has started, and they."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def processor_seconds(pid: int) -> float:
    """What all threads of the family have had of the processors, to the nanosecond."""
    nanoseconds = 0
    for one in family(pid):
        for path in Path(f"/proc/{one}/task").glob("*/schedstat"):
            with suppress(OSError):
                nanoseconds += int(path.read_text().split()[0])
    return nanoseconds / 1e9


def megabytes_of(pid: int) -> float:
    """The resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def name_of(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    if "nats-server" in words[0]:
        return "nats"
    place = next((word for word in words if word.startswith("split/")), "split/supervisor")
    return place.removeprefix("split/")


def live(*topology: str) -> Life:
    """One life of the shop."""
    with shop(*topology) as (process, url, start_seconds):
        before = processor_seconds(process.pid)
        time.sleep(IDLE_SECONDS)  # noqa: TID251 - what an idle program costs shows in real time
        idle = processor_seconds(process.pid) - before
        before = processor_seconds(process.pid)
        sent = asyncio.run(replay(url))
        spent = processor_seconds(process.pid) - before
        megabytes = {name_of(pid): megabytes_of(pid) for pid in family(process.pid)}
    return Life(start_seconds, idle / IDLE_SECONDS, 1e3 * spent / sent, megabytes)


async def replay(url: str) -> int:
    """Replay purchases until their sums agree; how many orders were sent."""
    if str(SHOP) not in sys.path:
        sys.path.insert(0, str(SHOP))
    from demo.account import disagreements  # noqa: PLC0415 - importable from here on
    from demo.client import Client  # noqa: PLC0415
    from demo.purchases import deliveries, plan, read_purchases  # noqa: PLC0415
    from demo.replay import Replay  # noqa: PLC0415

    bought = read_purchases()[:PURCHASES]
    async with aiohttp.ClientSession() as session:
        replayed = Replay(Client(session, url), plan(bought))
        await replayed.fill_shelves(deliveries(bought))
        await replayed.run()
        totals = await replayed.settle()
    assert not disagreements(replayed.account, totals)
    return int(replayed.account.sent)


def run() -> Iterator[dict[str, Any]]:
    """The figures of the split beside those of one process. Bytecode is cached."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    pairs = []
    for n in range(ROUNDS_MIN + 1):
        if n % 2:
            apart, together = live("split"), live()
        else:
            together, apart = live(), live("split")
        pairs.append((apart, together))

    def rounds(field: str) -> Rounds:
        values = [(getattr(a, field), getattr(t, field)) for a, t in pairs[1:]]
        return Rounds([value for value, _ in values], [baseline for _, baseline in values])

    of = "the shop in one process"
    yield rounds("start_seconds").figure("process.start.split", "s", of=of)
    yield rounds("order_milliseconds").figure("process.order.split", "ms processor time", of=of)
    yield rounds("idle_share").figure("process.idle.split", "processors", of=of)
    sums = [(sum(a.megabytes.values()), sum(t.megabytes.values())) for a, t in pairs[1:]]
    memory = Rounds([value for value, _ in sums], [baseline for _, baseline in sums])
    each = {name: round(size) for name, size in sorted(pairs[-1][0].megabytes.items())}
    yield memory.figure("process.memory.split", "MB", of=of, processes=each)
