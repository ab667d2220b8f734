# Its library is not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, D101
"""
Calls by NATS request and reply: ``with_nats.py URL PID``, PID being the server's.

Both ends share one process; what the server takes is added, as its clock in /proc counts it: in
hundredths of a second.
"""

import asyncio
import os
import sys
from pathlib import Path
from time import process_time_ns

import msgspec
import nats
import uvloop
from serving import serve

TICKS = os.sysconf("SC_CLK_TCK")


class Receipt(msgspec.Struct):
    receipt_id: str
    cents: int


def server_ns(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // TICKS


async def main(url, pid):
    asked, answering = await nats.connect(url), await nats.connect(url)
    encode = msgspec.json.Encoder().encode
    read = msgspec.json.Decoder(Receipt).decode

    async def answer(message):
        order_id, cents = msgspec.json.decode(message.data)
        await message.respond(encode(Receipt(order_id, cents)))

    await answering.subscribe("quote", cb=answer)

    async def measure(tasks, count):
        async def caller():
            for _ in range(count // tasks):
                reply = await asked.request("quote", encode(["0197b2f0-order", 1299]), timeout=10)
                read(reply.data)

        started = process_time_ns() + server_ns(pid)
        await asyncio.gather(*(caller() for _ in range(tasks)))
        spent = process_time_ns() + server_ns(pid) - started
        return spent / (count // tasks * tasks) / 1_000

    await serve(measure)
    await asked.close()
    await answering.close()


uvloop.run(main(*sys.argv[1:]))
