"""
Connections: plain, or with certificates on both sides that are renewed while calls go on.

With an identity everything is mutual TLS 1.3 or 1.2 (RFC 8446), over Unix sockets as over TCP. Who
is connected keeps the certificate of that moment; gRPC checks it when a connection is made.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

# Before gRPC is imported, which this file is the first to do. In a process that is forked it would
# begin anew, with threads of its own; what is forked here becomes another program at once, whose
# start those threads have been seen to break off.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio
import msgspec

from outgrow.calls.grpc.options import Options
from outgrow.identity.certificates import Identity, Papers


def target_of(address: str) -> str:
    """What gRPC calls *address*: the path of a Unix socket is part of a URI to it."""
    scheme, _, path = address.partition(":")
    return f"unix:{quote(path)}" if scheme == "unix" else address


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    The other side of a connection with certificates, and this one.

    Attributes:
        identity: Who this process is.
        process: The process that must answer, by its certificate.
    """

    identity: Identity
    process: str

    def explain(self, address: str, details: str) -> str | None:
        """
        Why the two did not believe each other; None if that is not why there is no connection.

        Args:
            details: What gRPC says of it. It only chooses the words: whatever they are, there is no
                connection.
        """
        why = next((why for part, why in _DISTRUST if part in details), None)
        if why is None:
            return None
        return (
            f"process {self.process!r} is not called at {address}: {why}. "
            f"This is {self.identity.name}. gRPC says: {details}"
        )


_DISTRUST: Final = (
    ("Hostname Verification Check", "the process that answers there is another one"),
    ("certificate has expired", "its certificate has ended, or the clocks differ"),
    ("certificate is not yet valid", "its certificate has not begun, or the clocks differ"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is of none of the authorities that we believe"),
    ("WRONG_VERSION_NUMBER", "it speaks plain text"),
    ("Socket closed", "it hung up instead of saying who it is. Does it believe our authority?"),
    ("Broken pipe", "it hung up instead of saying who it is. Does it believe our authority?"),
    ("Connection reset", "it hung up instead of saying who it is. Does it believe our authority?"),
)
"""What gRPC says if a connection is not made because of certificates, and what that means."""


def open_channel(address: str, options: Options, peer: Peer | None) -> Any:
    """
    A channel to *address*, not connected yet; as `grpc.aio.Channel`, as far as we use it.

    Args:
        peer: Who must answer there; None for plain text.
    """
    if peer is None:
        return grpc.aio.insecure_channel(target_of(address), options=options)
    name = msgspec.structs.replace(peer.identity.name, process=peer.process)
    options = [*options, ("grpc.ssl_target_name_override", name.dns)]
    return _RenewedChannel(target_of(address), options, peer.identity)


def open_port(server: grpc.aio.Server, address: str, identity: Identity | None) -> int:
    """
    Let *server* listen on *address*; the port.

    Args:
        identity: Who this process is; callers must have a certificate of its authorities. None for
            plain text, where anybody is let in.

    Raises:
        RuntimeError: Nothing can listen there.
    """
    if identity is None:
        plain: int = server.add_insecure_port(target_of(address))
        return plain
    seen, papers = identity.papers()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """What the next handshake uses; None for what the last one did. Called by any thread."""
        nonlocal seen
        generation, now = identity.papers()
        if generation == seen:
            return None
        seen = generation
        return _configuration(now)

    credentials = grpc.dynamic_ssl_server_credentials(
        _configuration(papers), fetch, require_client_authentication=True
    )
    port: int = server.add_secure_port(target_of(address), credentials)
    return port


def _configuration(papers: Papers) -> grpc.ServerCertificateConfiguration:
    pairs = [(papers.key, papers.chain)]
    return grpc.ssl_server_certificate_configuration(pairs, papers.authorities)


class _Kept:
    """
    One connection with the papers of one generation.

    Attributes:
        calls: How many go on.
    """

    def __init__(self, channel: grpc.aio.Channel, generation: int) -> None:
        self.channel = channel
        self.generation = generation
        self.calls = 0
        self._begin: dict[tuple[str, str], Any] = {}

    def begin(self, kind: str, path: str) -> Any:
        """What begins a call of *path*."""
        found = self._begin.get((kind, path))
        if found is None:
            found = self._begin[kind, path] = getattr(self.channel, kind)(path)
        return found


class _RenewedChannel:
    """
    A channel whose next call is made with the papers of now.

    When they have been renewed, a new connection takes the calls that come; the one before is
    closed as soon as its calls have ended, so that none is cut.
    """

    def __init__(self, target: str, options: Options, identity: Identity) -> None:
        self._target = target
        self._options = options
        self._identity = identity
        self._now = self._open()
        self._before: list[_Kept] = []

    def unary_unary(self, path: str) -> Callable[..., Any]:
        return self._bind("unary_unary", path)

    def unary_stream(self, path: str) -> Callable[..., Any]:
        return self._bind("unary_stream", path)

    def stream_unary(self, path: str) -> Callable[..., Any]:
        return self._bind("stream_unary", path)

    def stream_stream(self, path: str) -> Callable[..., Any]:
        return self._bind("stream_stream", path)

    def get_state(self) -> grpc.ChannelConnectivity:
        """That of the connection which takes calls."""
        return self._now.channel.get_state()

    async def close(self) -> None:
        """Close all connections; what goes on is cancelled."""
        for kept in [self._now, *self._before]:
            await kept.channel.close()
        self._before.clear()

    def _bind(self, kind: str, path: str) -> Callable[..., Any]:
        def begin(*arguments: Any, **wishes: Any) -> Any:
            kept = self._now
            if kept.generation != self._identity.generation:
                kept = self._renew()
            call = kept.begin(kind, path)(*arguments, **wishes)
            kept.calls += 1
            call.add_done_callback(lambda _: self._end(kept))
            return call

        return begin

    def _renew(self) -> _Kept:
        self._before.append(self._now)
        self._now = self._open()
        self._sweep()
        return self._now

    def _open(self) -> _Kept:
        generation, papers = self._identity.papers()
        credentials = grpc.ssl_channel_credentials(papers.authorities, papers.key, papers.chain)
        channel = grpc.aio.secure_channel(self._target, credentials, options=self._options)
        return _Kept(channel, generation)

    def _end(self, kept: _Kept) -> None:
        kept.calls -= 1
        if not kept.calls and kept is not self._now:
            # Not inside of the call's own end: it is not done with its channel yet.
            asyncio.get_running_loop().call_soon(self._sweep)

    def _sweep(self) -> None:
        """Close what was renewed and has no calls any more."""
        for kept in [one for one in self._before if not one.calls]:
            self._before.remove(kept)
            closing = kept.channel.close()
            try:
                closing.send(None)  # There is nothing that it would have to wait for.
            except StopIteration:
                continue
            closing.close()
