"""The transport to services of another process: calls over gRPC."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from outgrow.calls.grpc.channels import Peer, open_channel
from outgrow.calls.grpc.compression import ASKED, COMPRESSED_BYTES_MIN, Compression
from outgrow.calls.grpc.exchange import Agreement
from outgrow.calls.grpc.headers import pack
from outgrow.calls.grpc.options import MESSAGE_BYTES_MAX, client_options
from outgrow.calls.grpc.revisions import Revisions
from outgrow.calls.grpc.statuses import is_stopping, understand
from outgrow.calls.grpc.streams import Connection, Streams
from outgrow.calls.protobuf import Converters
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import Context
from outgrow.contracts import Method, Problem
from outgrow.errors import (
    ArgumentsRefused,
    CallError,
    CallTimedOut,
    ContractDiffers,
    ServiceUnreachable,
)

HOLD_SECONDS_MAX = 1.0
DISTRUST_LOG_SECONDS = 60.0
"""How often one connection says at most that it is not made because of certificates."""

logger = logging.getLogger("outgrow.calls")


class GrpcTransport:
    """
    Calls to one address. One connection carries all of them; it is made at the first call.

    Lives on the event loop that it was made on, until it is closed. Nothing is repeated here: a
    call that cannot be made fails at once.
    """

    def __init__(
        self,
        address: str,
        converters: Converters,
        clock: Clock,
        *,
        revisions: Revisions | None = None,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        compression: Compression | Callable[[str], Compression | None] | None = None,
        peer: Peer | None = None,
    ) -> None:
        """
        Prepare to call the process at *address*.

        Args:
            address: ``unix:<path>`` or ``<host>:<port>``.
            clock: The clock on which the deadlines of contexts are told. What remains of a
                deadline crosses the wire, and is also counted by the machine's own clock.
            revisions: What this process has of its contracts; nothing is frozen if not given.
            message_bytes_max: The largest request and reply; larger requests are refused unsent.
            compression: How requests and replies travel that have 4 KiB or more, for all services
                or by service: as they are, if not given.
            peer: Who must answer, and who this process is; all is in plain text if not given.
        """
        self._converters = converters
        self._clock = clock
        self._message_bytes_max = message_bytes_max
        self._compression = compression if callable(compression) else lambda _: compression
        self._is_closed = False
        self._held_until = 0.0
        options = client_options(message_bytes_max)
        self._channel = open_channel(address, options, peer)
        self._address, self._peer, self._log_at = address, peer, 0.0
        self._revisions = revisions or Revisions()
        self._agreements: dict[str, Agreement] = {}

    def bind(self, method: Method) -> Invoke:
        """What executes *method* on the other side. Its converters are written here."""
        conversion = self._converters.of(method)
        encode, decode = conversion.encode_request, conversion.decode_reply
        agreement = self._agreement(method)
        if method.is_streaming:
            return Streams(
                method, conversion, self._connection(method, agreement), agreement
            ).bind()
        send = self._send(method, agreement.fingerprint)
        monotonic, bytes_max = self._clock.monotonic, self._message_bytes_max

        async def invoke(context: Context, *arguments: Any) -> Any:
            body = encode(*arguments)
            if len(body) > bytes_max:
                text = f"{len(body)} bytes; at most {bytes_max} are carried"
                raise ArgumentsRefused(method.full_name, [("arguments", text)])
            rounds = agreement.rounds
            try:
                reply = await send(context, body)
            except ContractDiffers as refusal:
                reply = await agreement.repeat(
                    method,
                    refusal,
                    rounds,
                    lambda: context.deadline - monotonic(),
                    lambda: send(context, body),
                )
            return decode(reply)

        return invoke

    def _agreement(self, method: Method) -> Agreement:
        """What is agreed with the other side about the method's contract; one for each."""
        messages = self._converters.messages
        model = messages.contract_of(method)
        name = messages.wire_name(model)
        if name not in self._agreements:
            self._agreements[name] = Agreement(self._channel, name, self._revisions.of(model))
        return self._agreements[name]

    def _send(
        self, method: Method, fingerprint: bytes
    ) -> Callable[[Context, bytes], Awaitable[bytes]]:
        """What sends the body of one call of *method*, and gives the body of its reply."""
        # gRPC is handed bytes and no serializers: it sends an empty request if one of its raises.
        messages, name = self._converters.messages, method.full_name
        call: Any = self._channel.unary_unary(messages.path(method))
        more = ASKED if self._compression(method.service) else ()

        async def send(context: Context, body: bytes) -> bytes:
            remaining = self._remaining(name, context)
            try:
                metadata = pack(context, remaining, fingerprint) + more
                gzip = grpc.Compression.Gzip if more and len(body) >= COMPRESSED_BYTES_MIN else None
                reply: bytes = await call(
                    body, timeout=remaining, metadata=metadata, compression=gzip
                )
            except grpc.aio.AioRpcError as error:
                raise self._met(method, error) from None
            except (asyncio.CancelledError, grpc.aio.UsageError) as error:
                self._explain_closed(name, error)
                raise
            return reply

        return send

    def _connection(self, method: Method, agreement: Agreement) -> Connection:
        """What the streams of *method* need of this transport; they travel as they are."""
        return Connection(
            channel=self._channel,
            path=self._converters.messages.path(method),
            bytes_max=self._message_bytes_max,
            monotonic=self._clock.monotonic,
            remaining=lambda context: self._remaining(method.full_name, context),
            metadata=lambda context, remaining: pack(context, remaining, agreement.fingerprint),
            met=lambda error: self._met(method, error),
            explain_closed=lambda error: self._explain_closed(method.full_name, error),
        )

    def _remaining(self, name: str, context: Context) -> float:
        """How many seconds a call has that is made now; raises if it need not be made."""
        remaining = context.deadline - self._clock.monotonic()
        if remaining <= 0:
            raise CallTimedOut(name, may_have_run=False)
        if self._is_held():
            raise ServiceUnreachable(name, "its process is stopping", may_have_run=False)
        return remaining

    def _met(self, method: Method, error: grpc.aio.AioRpcError) -> Problem | CallError:
        """What the caller meets if gRPC ends its call with *error*."""
        if is_stopping(error):
            self._held_until = asyncio.get_running_loop().time() + HOLD_SECONDS_MAX
        met = understand(method, error)
        if self._peer is not None and isinstance(met, ServiceUnreachable) and not met.may_have_run:
            return self._distrusted(self._peer, met, error.details() or "")
        return met

    def _distrusted(self, peer: Peer, met: ServiceUnreachable, details: str) -> ServiceUnreachable:
        """What the caller meets instead of *met* if the two sides did not believe each other."""
        why = peer.explain(self._address, details)
        if why is None:
            return met
        now = asyncio.get_running_loop().time()
        if now >= self._log_at:
            self._log_at = now + DISTRUST_LOG_SECONDS
            logger.warning("%s", why)
        return ServiceUnreachable(met.method, why, may_have_run=False)

    def _is_held(self) -> bool:
        """
        Whether the connection still leads to a process that has said that it stops.

        What it is sent while it closes the connection may be cancelled without a word on whether
        it has run.
        """
        if not self._held_until:
            return False
        is_there = self._channel.get_state() is grpc.ChannelConnectivity.READY
        if not is_there or asyncio.get_running_loop().time() >= self._held_until:
            self._held_until = 0.0
        return bool(self._held_until)

    def _explain_closed(self, name: str, error: BaseException) -> None:
        """Raise what a call meets because of `close`; return if the caller itself was cancelled."""
        if not self._is_closed:
            return
        was_sent = isinstance(error, asyncio.CancelledError)
        task = asyncio.current_task()
        if was_sent and task is not None and task.cancelling():
            return
        message = "the connection was closed on this side"
        raise ServiceUnreachable(name, message, may_have_run=was_sent) from error

    async def close(self) -> None:
        """Let go of the connection. Calls still going on meet `ServiceUnreachable`."""
        self._is_closed = True
        await self._channel.close()
