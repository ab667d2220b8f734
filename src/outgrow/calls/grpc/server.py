"""The gRPC server of one process: bytes in, the reception's doors, bytes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from outgrow.calls.failures import log_failure
from outgrow.calls.grpc.channels import open_port
from outgrow.calls.grpc.compression import COMPRESSED_BYTES_MIN, compress_reply
from outgrow.calls.grpc.exchange import compare_handler
from outgrow.calls.grpc.headers import is_stranger, unpack
from outgrow.calls.grpc.options import MESSAGE_BYTES_MAX, server_options
from outgrow.calls.grpc.revisions import Admission, Revisions
from outgrow.calls.grpc.serving import StreamingMethod, StreamsServed, stopping
from outgrow.calls.grpc.statuses import STOPPING, Ending, abridge, ending_of, tell_error
from outgrow.calls.protobuf import Converters
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import Caller, Context
from outgrow.contracts import ContractModel, Method
from outgrow.errors import CallerNotDeclared, CallFailed, Finding, InvalidTopology
from outgrow.identity.certificates import Guard

GRACE_SECONDS_DEFAULT = 10.0
LINGER_SECONDS = 0.1

URI_PROPERTY = "peer_uri"
"""Where gRPC tells the URIs among the names of a caller's certificate, and nothing else of it."""


class GrpcServer:
    """
    Lets calls in over a Unix socket or a TCP port. Lives on one event loop, and serves once.

    The standard health service answers for ``""`` and for each gRPC service by its full name;
    reflection shows them, so that ``grpcurl`` works.
    """

    def __init__(
        self,
        converters: Converters,
        bind: Callable[[Method], Invoke],
        clock: Clock,
        *,
        revisions: Revisions | None = None,
        stranger: Caller | None = None,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        guard: Guard | None = None,
    ) -> None:
        """
        Prepare a server that lets nobody in yet; see `admit` and `start`.

        Args:
            bind: Gives what executes a method: `Reception.bind`.
            revisions: What this process has of its contracts; nothing is frozen if not given.
            stranger: Who a caller that is not outgrow is taken for; anonymous without permissions
                if not given.
            message_bytes_max: The largest request and reply.
            guard: Who this process is, and whom it lets in; without it anyone is, in plain text.
        """
        self._guard = guard
        self._converters = converters
        self._bind = bind
        self._clock = clock
        self._stranger = stranger or Caller()
        self._message_bytes_max = message_bytes_max
        self._revisions = revisions or Revisions()
        self._admissions: dict[str, Admission] = {}
        self._services: dict[str, str] = {}
        self._is_stopping = False
        self._streams = StreamsServed()
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=server_options(message_bytes_max))

    def admit(self, model: ContractModel) -> None:
        """Let calls of the contract *model* in. Converters are written here, not at first use."""
        messages = self._converters.messages
        name = messages.wire_name(model)
        admission = self._admissions[name] = Admission(model, self._revisions.of(model))
        self._services[name] = model.service
        handlers = {
            messages.path(method).rpartition("/")[2]: self._handler(method, admission)
            for method in model.methods.values()
        }
        generic = grpc.method_handlers_generic_handler(name, handlers)
        self._server.add_generic_rpc_handlers((generic,))

    async def start(self, address: str) -> str:
        """
        Listen, and answer.

        Args:
            address: ``unix:<path>`` or ``<host>:<port>``; port 0 is chosen. Without a guard
                whoever reaches it is believed.

        Returns:
            The address, with the port that was chosen.

        Raises:
            InvalidTopology: Nothing can listen there.
        """
        if address.startswith("unix:") and await _is_answered(address.removeprefix("unix:")):
            raise InvalidTopology([_cannot_listen(address, "another process answers there")])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._add_reflection()
        comparing = compare_handler(self._admissions, self._check_process)
        self._server.add_generic_rpc_handlers((comparing,))
        try:
            identity = self._guard.identity if self._guard else None
            port = open_port(self._server, address, identity)
        except RuntimeError as error:
            raise InvalidTopology([_cannot_listen(address, str(error))]) from error
        for service in self._admissions:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def tell_unready(self, services: Collection[str]) -> None:
        """Let health say of *services* that they do not serve, of the others that they do."""
        serving = health_pb2.HealthCheckResponse.SERVING
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        for name, service in self._services.items():
            is_unready = service in services
            await self._health.set(name, not_serving if is_unready else serving)
        await self._health.set("", not_serving if services else serving)

    async def drain(self, grace_seconds: float = GRACE_SECONDS_DEFAULT) -> None:
        """
        Let nobody in any more, and end when all calls have, or when their grace is over.

        What goes on after *grace_seconds* is cancelled; its callers meet `ServiceUnreachable` with
        ``may_have_run``. Health says ``NOT_SERVING`` from the first moment. Streams that are sent
        end at once, so that their callers begin again elsewhere.

        Calls that come are answered for a moment: that they have not run, and that no more should
        come over this connection. gRPC would cancel those that have come and not begun.
        """
        self._is_stopping = True
        await self._health.enter_graceful_shutdown()
        self._streams.end_all()
        linger_seconds = min(LINGER_SECONDS, grace_seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), linger_seconds)
        await self._server.stop(grace_seconds - linger_seconds)

    def _add_reflection(self) -> None:
        known = (health_pb2, reflection_pb2)
        pool = self._converters.messages.public
        for module in known:
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        names = {s.full_name for m in known for s in m.DESCRIPTOR.services_by_name.values()}
        servicer = _Reflection({*self._admissions, *names}, pool, self._check_process)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, self._server)

    async def _check_process(self, name: str, call: Any) -> None:
        """End a *call* that asks for contracts, and comes from no process of the application."""
        if self._guard is None:
            return
        try:
            self._guard.check_process(name, _uris(call))
        except CallerNotDeclared as refused:
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, str(refused))

    def _handler(self, method: Method, admission: Admission) -> Any:
        let_in = self._let_in(method, admission)
        if not method.is_streaming:
            return grpc.unary_unary_rpc_method_handler(self._handle(method, let_in))
        served = StreamingMethod(
            method=method,
            conversion=self._converters.of(method),
            invoke=self._bind(method),
            bytes_max=self._message_bytes_max,
            is_stopping=lambda: self._is_stopping,
            let_in=let_in,
            end=self._end,
            clock=self._clock,
        )
        return self._streams.handler(served)

    def _let_in(self, method: Method, admission: Admission) -> Callable[[Any], Context]:
        """What gives the context of a call that comes, or raises what refuses it."""
        monotonic, stranger, guard = self._clock.monotonic, self._stranger, self._guard

        def let_in(call: Any) -> Context:
            metadata = call.invocation_metadata()
            context = unpack(
                method, admission, metadata, call.time_remaining, monotonic(), stranger
            )
            if guard is not None:
                guard.check(method.service, method.full_name, _uris(call), context.via)
            return context

        return let_in

    def _handle(
        self, method: Method, let_in: Callable[[Any], Context]
    ) -> Callable[[bytes, Any], Awaitable[bytes]]:
        invoke, conversion = self._bind(method), self._converters.of(method)
        decode, encode = conversion.decode_request, conversion.encode_reply
        bytes_max = self._message_bytes_max

        async def handle(body: bytes, call: Any) -> bytes:
            context: Context | None = None
            if self._is_stopping:
                return self._end(call, tell_error(stopping(method)), STOPPING)
            try:
                context = let_in(call)
                reply = encode(await invoke(context, *decode(body)))
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Nobody cancelled the call: the method did it itself. gRPC would let it hang.
                return self._end(call, ending_of(method, error))
            except Exception as error:  # noqa: BLE001 - the border where calls come in
                if context is not None and isinstance(error, CallFailed):
                    log_failure(error, context)
                return self._end(call, ending_of(method, error))
            if len(reply) > bytes_max:
                too_large = _too_large(method, len(reply), bytes_max)
                log_failure(too_large, context)
                return self._end(call, tell_error(too_large))
            if len(reply) >= COMPRESSED_BYTES_MIN:
                await compress_reply(call)
            return reply

        return handle

    def _end(self, call: Any, ending: Ending, *more: tuple[str, bytes]) -> bytes:
        """End *call* otherwise than with a reply."""
        text: str = ending.text
        trailers: tuple[tuple[str, bytes], ...] = (ending.trailer,)
        if is_stranger(call.invocation_metadata()):
            text, trailers = abridge(ending, self._converters.messages.application)
        call.set_code(ending.code)
        call.set_details(text)
        call.set_trailing_metadata((*trailers, *more))
        # gRPC sends no message with a code other than OK, so what is returned does not matter.
        return b""


class _Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]
    """Shows contracts to who may see them."""

    def __init__(
        self, names: Collection[str], pool: Any, check: Callable[[str, Any], Awaitable[object]]
    ) -> None:
        super().__init__(names, pool)
        self._check = check

    async def ServerReflectionInfo(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterable[Any], call: Any
    ) -> AsyncIterator[Any]:
        await self._check("reflection", call)
        async for answer in super().ServerReflectionInfo(requests, call):
            yield answer


def _uris(call: Any) -> tuple[bytes, ...]:
    """The URIs in the certificate of who calls."""
    return tuple(call.auth_context().get(URI_PROPERTY, ()))


def _too_large(method: Method, size: int, bytes_max: int) -> CallFailed:
    text = f"its reply has {size} bytes; at most {bytes_max} are carried"
    return CallFailed(method.full_name, "builtins.ValueError", text)


async def _is_answered(path: str) -> bool:
    """Whether a process listens on the Unix socket *path*, which gRPC would take away from it."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


def _cannot_listen(address: str, reason: str) -> Finding:
    return Finding(
        place=address,
        message=f"no gRPC server can listen there: {reason}.",
        remedy="Give an address that is free, or port 0 for one that is chosen. The path of a Unix "
        "socket has at most 107 bytes.",
        slug="address-in-use",
    )
