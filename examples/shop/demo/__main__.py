"""Start the shop, replay real purchases, and account for every one of them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table

from .account import Account, Totals, disagreements, read_totals
from .client import Client, ShopUnreachable
from .purchases import deliveries, plan, read_purchases
from .replay import CONNECTIONS, Replay
from .server import ShopNotStarted, running

REFRESH_SECONDS = 0.5


async def demo(base_url: str, topology: str, seconds: float, console: Console) -> int:
    """Run all of it; the exit status says whether the sums agree."""
    purchases = read_purchases()
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    with TemporaryDirectory(prefix="outgrow-shop-") as state:
        async with aiohttp.ClientSession(connector=connector) as session:
            client = Client(session, base_url)
            replay = Replay(client, plan(purchases))
            async with running(client, Path(state), topology) as server:
                console.print(_welcome(base_url), soft_wrap=True)
                console.print(_processes(server.list_processes()), soft_wrap=True)
                await replay.fill_shelves(deliveries(purchases))
                totals = await _watch(replay, _is_over(seconds), console)
            troubles = server.troubles()
    findings = disagreements(replay.account, totals)
    if server.status != 0:
        findings.append(f"the shop stopped with status {server.status}, not 0")
    for finding in findings[:20]:
        console.print(f"does not agree: {finding}", style="red", markup=False)
    for trouble in troubles if findings else []:
        console.print(trouble, soft_wrap=True, markup=False)
    console.print(_last_line(replay.account, totals, findings), soft_wrap=True, markup=False)
    return 1 if findings else 0


def _welcome(base_url: str) -> str:
    return (
        f"The shop is open: {base_url}/docs   {base_url}/orders/totals   {base_url}/ledger\n"
        "[yellow]--open: whoever asks is anonymous and may do everything. "
        "Only this machine can ask.[/]"
    )


def _processes(processes: dict[str, list[str]]) -> str:
    if not processes:
        return "It runs as one process."
    told = [f"{name} ({', '.join(services)})" for name, services in processes.items()]
    return f"It runs as {len(told)} processes and NATS: {', '.join(told)}."


def _is_over(seconds: float) -> Callable[[], bool]:
    end = perf_counter() + seconds
    return lambda: seconds > 0 and perf_counter() > end


async def _watch(replay: Replay, is_over: Callable[[], bool], console: Console) -> Totals:
    """Replay until the shop has settled, and show meanwhile how far it is."""

    async def show(live: Live) -> None:
        while True:
            live.update(_progress(replay.account, await read_totals(replay.client)))
            await replay.client.wait(REFRESH_SECONDS)

    with Live(console=console) as live:
        async with asyncio.TaskGroup() as group:
            progress = group.create_task(show(live))
            await replay.run(is_over)
            totals = await replay.settle()
            progress.cancel()
        live.update(_progress(replay.account, totals))
    console.line()
    return totals


def _progress(account: Account, totals: Totals) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    row = {
        "users": account.registered,
        "orders": account.sent,
        "repeated": account.repeated,
        "confirmed": totals.orders["confirmed"],
        "cancelled": totals.orders["cancelled"],
        "events": totals.events,
        "parcels": totals.collected,
        "letters": totals.letters_written,
        "p50 ms": f"{account.latency_ms(0.50):.1f}",
        "p99 ms": f"{account.latency_ms(0.99):.1f}",
    }
    for name in row:
        table.add_column(name, justify="right")
    table.add_row(*(str(value) for value in row.values()))
    return table


def _last_line(account: Account, totals: Totals, findings: list[str]) -> str:
    refused = ", ".join(f"{count} {name}" for name, count in sorted(account.refused.items()))
    first = f"sums do not agree ({findings[0]})" if findings else "sums agree"
    return (
        f"{account.sent} orders sent, {account.repeated} requests repeated, "
        f"{account.accepted} accepted, {account.refused.total()} refused ({refused or 'none'}); "
        f"{totals.orders['confirmed']} confirmed, {totals.orders['cancelled']} cancelled; "
        f"{totals.collected} parcels, {totals.events} events, {totals.letters_written} letters; "
        f"p50 {account.latency_ms(0.50):.1f} ms, p99 {account.latency_ms(0.99):.1f} ms; {first}"
    )


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="stop after; 0: all purchases")
    parser.add_argument("--topology", default="", help="of outgrow.toml; one process without")
    parser.add_argument("--http", help="where the shop answers; 127.0.0.1:8080 if it is free")
    arguments = parser.parse_args()
    address: str = arguments.http or _free_address()
    console = Console()
    try:
        return asyncio.run(_interruptible(address, arguments, console))
    except (ShopNotStarted, ShopUnreachable, ExceptionGroup) as error:
        console.print(str(_first(error)), style="red", markup=False)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped.")
        return 130


def _free_address() -> str:
    """A loopback address with the usual port, or with another one if somebody has that."""
    for port in (8080, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{probe.getsockname()[1]}"
    raise ShopNotStarted("No port of 127.0.0.1 is free.")


def _first(error: Exception) -> BaseException:
    """The first that went wrong, of those that went wrong together."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        found = cast("BaseExceptionGroup[BaseException]", found).exceptions[0]
    return found


async def _interruptible(address: str, asked: argparse.Namespace, console: Console) -> int:
    """Stop the shop as well when somebody stops the demo by SIGTERM."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await demo(f"http://{address}", asked.topology, asked.seconds, console)


if __name__ == "__main__":
    sys.exit(main())
