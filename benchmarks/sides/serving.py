"""How a peer is asked: a line of numbers comes in, a line with the measured rate goes out."""

import asyncio
import sys
from collections.abc import Awaitable, Callable


async def serve(measure: Callable[..., Awaitable[float]]) -> None:
    """Answer each line with what *measure* makes of its numbers, until there is none."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(await measure(*map(int, line.split())), flush=True)
