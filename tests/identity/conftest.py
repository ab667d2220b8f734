"""Processes that show each other certificates, in a folder of the test's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outgrow.calls import Transport
from outgrow.calls.grpc import GrpcTransport, Peer
from outgrow.clock import ManualClock, SystemClock
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Authority, Guard, Identity, Issuer
from tests.calls.grpc.conftest import MODEL, Wire

DECLARED = Callers(
    declared={"workshop": ("orders",)},
    hosts={"front": ("orders", "gossip"), "back": ("workshop",)},
    entrances=("gateway",),
)


def name_of(process: str, **more: str) -> Name:
    return Name(**({"application": "shop", "environment": "local", "process": process} | more))


class Town:
    """Issues papers to whoever is named, and lets one of them, ``back``, be called."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.authority = Authority(SystemClock())
        self.issuer = Issuer(self.authority, folder / "papers", SystemClock())
        self.policy = DECLARED
        self.wire = Wire(stack)
        self.wire.on("echo", self.echo)
        self.guard: Guard
        self._stack = stack
        self.calls = 0

    async def echo(self, text: str) -> str:
        self.calls += 1
        return text

    def identity(self, process: str, *hosts: str, **more: str) -> Identity:
        return Identity(self.issuer.provide(name_of(process, **more), hosts))

    def stranger(self, process: str) -> Identity:
        """One whose papers are of another authority."""
        issuer = Issuer(Authority(SystemClock()), self.folder / "elsewhere", SystemClock())
        return Identity(issuer.provide(name_of(process)))

    async def start(self, address: str | None = None, process: str = "back") -> str:
        self.guard = Guard(self.identity(process), lambda: self.policy)
        await self.wire.start(address or f"unix:{self.folder}/calls.sock", guard=self.guard)
        return self.wire.address

    def connect(self, identity: Identity | None, process: str = "back") -> GrpcTransport:
        peer = identity and Peer(identity=identity, process=process)
        return self.wire.connect(peer=peer)

    async def ask(self, transport: Transport, text: str = "hello", **fields: Any) -> Any:
        invoke = transport.bind(MODEL.methods["echo"])
        return await invoke(self.wire.context(**fields), text)


def ended(seconds: float = 3600.0) -> Authority:
    """An authority that lived some time ago, in which its certificates ended."""
    return Authority(ManualClock(SystemClock().now() - timedelta(seconds=seconds)))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="og-") as name:
        yield Path(name)


@pytest.fixture
async def town(folder: Path) -> Any:
    async with AsyncExitStack() as stack:
        yield Town(folder, stack)
