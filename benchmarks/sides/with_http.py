# Its libraries are not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, D101
"""
Calls by HTTP and JSON: ``with_http.py CLIENT``, CLIENT being httpx or aiohttp.

FastAPI on uvicorn, with uvloop and httptools, answers; server and client share one process and its
loop, so `process_time` counts both. No deadline travels, nothing is repeated, nobody is asked who
calls.
"""

import asyncio
import sys
from contextlib import asynccontextmanager
from time import process_time_ns

import aiohttp
import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import BaseModel
from serving import serve

ORDER_ID, CENTS = "0197b2f0-order", 1299


class Receipt(BaseModel):
    receipt_id: str
    cents: int


class Line(BaseModel):
    item: str
    cents: int
    count: int


app = FastAPI()
LINES = [Line(item=f"item-{n}", cents=n, count=1) for n in range(50)]


@app.get("/quotes/{order_id}")
async def quote(order_id: str, cents: int) -> Receipt:
    return Receipt(receipt_id=order_id, cents=cents)


@app.get("/lines/{order_id}")
async def lines(order_id: str) -> list[Line]:  # noqa: ARG001 - part of the path
    return LINES


@asynccontextmanager
async def calling(client, url):
    if client == "httpx":
        async with httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=64)) as http:

            async def small():
                reply = await http.get(f"/quotes/{ORDER_ID}", params={"cents": CENTS})
                return Receipt.model_validate_json(reply.content)

            async def list50():
                reply = await http.get(f"/lines/{ORDER_ID}")
                return [Line.model_validate(line) for line in reply.json()]

            yield small, list50
    else:
        connector = aiohttp.TCPConnector(limit=64)
        async with aiohttp.ClientSession(url, connector=connector) as http:

            async def small():
                async with http.get(f"/quotes/{ORDER_ID}", params={"cents": CENTS}) as reply:
                    return Receipt.model_validate_json(await reply.read())

            async def list50():
                async with http.get(f"/lines/{ORDER_ID}") as reply:
                    return [Line.model_validate(line) for line in await reply.json()]

            yield small, list50


async def main(client):
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    async with calling(client, f"http://127.0.0.1:{port}") as calls:

        async def measure(tasks, count, what):
            call = calls[what]

            async def caller():
                for _ in range(count // tasks):
                    await call()

            started = process_time_ns()
            await asyncio.gather(*(caller() for _ in range(tasks)))
            return (process_time_ns() - started) / (count // tasks * tasks) / 1_000

        await serve(measure)
    await server.shutdown()


uvloop.run(main(*sys.argv[1:]))
