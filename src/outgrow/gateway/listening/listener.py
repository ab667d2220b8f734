"""An HTTP server inside our own loop: uvicorn's protocol without its signals, logs and loop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
from collections.abc import Callable
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from outgrow.clock import Clock
from outgrow.gateway.exchange import GONE, Receive, Scope, Send
from outgrow.gateway.listening.addresses import BACKLOG, open_socket

Asgi = Callable[[Scope, Receive, Send], Any]

KEEP_ALIVE_SECONDS = 15
CONNECTIONS_MAX = 10_000
HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS = 15
ABORT_SECONDS = 1.0

_log = logging.getLogger("outgrow.gateway")

_UNREADABLE = (
    b'{"type":"/problems/outgrow.RequestUnreadable","title":"Request unreadable","status":%d,'
    b'"detail":"%b"}'
)


class Listener:
    """
    Serves an ASGI application on one address. Lives as long as its process, on the running loop.

    Args:
        application: What answers; knows nothing of lifespan, and needs no start.
        address: ``"host:port"``, where port 0 is chosen by the system; or the `Path` of a Unix
            socket for this user only.
        clock: The application's clock.
        setting: Where the address is configured, for messages.
        opened: A socket that listens on the address already, if this process was given one. Then
            clients that come between its end and the start of the next process wait there.
    """

    def __init__(
        self,
        application: Asgi,
        address: str | Path,
        clock: Clock,
        *,
        setting: str,
        opened: socket.socket | None = None,
    ) -> None:
        self._application = application
        self._address = address
        self._clock = clock
        self._setting = setting
        self._socket = opened
        self._server: asyncio.Server | None = None
        self._state: Any = None
        self._date_timer: asyncio.TimerHandle | None = None
        self._no_connections = asyncio.Event()
        self._is_aborting = False
        self._is_draining = False

    def bind(self) -> None:
        """
        Take the address. From now on clients may connect, and wait until `start`.

        Raises:
            ListenRefused: Another program has it, or it cannot be had.
        """
        if self._socket is None:
            self._socket = open_socket(self._address, self._setting)

    async def start(self) -> None:
        """
        Bind if that was not done, and begin to serve.

        Raises:
            ListenRefused: Another program has the address, or it cannot be had.
        """
        # Imported here because it is slow to, and a program without an edge needs none of it.
        from uvicorn.config import Config  # noqa: PLC0415
        from uvicorn.server import ServerState  # noqa: PLC0415

        self.bind()
        assert self._socket is not None
        config = Config(
            self._serve,
            loop="none",
            http=_protocol(),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        config.load()
        self._state = ServerState()
        self._refresh_date()
        make = _connection_class(config.http_protocol_class, self)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: make(config=config, server_state=self._state, app_state={}, _loop=loop),
            sock=self._socket,
            backlog=BACKLOG,
        )

    @property
    def port(self) -> int:
        """The port that is listened on; 0 for a Unix socket."""
        assert self._socket is not None, "bind() comes first"
        name = self._socket.getsockname()
        return 0 if isinstance(name, str) else int(name[1])

    @property
    def url(self) -> str:
        """Where clients reach it: ``http://host:port``, or ``unix:path``."""
        assert self._socket is not None, "bind() comes first"
        if isinstance(self._address, Path):
            return f"unix:{self._address}"
        host = self._address.rpartition(":")[0]
        return f"http://{host}:{self.port}"

    async def drain(self, seconds: float, *, linger_seconds: float = 0.0) -> int:
        """
        Accept nobody more, let requests finish, and close connections that wait for another one.

        Args:
            seconds: How long requests may take to finish. What remains then is cut off.
            linger_seconds: How long requests are still answered that come on open connections.
                Each answer says that it is the connection's last one, so that a client meets no
                connection that is closed while its request is on the way.

        Returns:
            How many requests were cut off.
        """
        if self._server is None:
            self._close_socket()
            return 0
        self._server.close()
        self._is_draining = True
        try:
            async with asyncio.timeout(seconds):
                if linger_seconds:
                    await self._linger(linger_seconds)
                for connection in list(self._state.connections):
                    # What has begun to arrive is answered; the answer ends the connection.
                    if connection.head_timer is None:
                        connection.shutdown()
                await self._wait_finished()
        except TimeoutError:
            return await self._abort()
        finally:
            self._end()
        return 0

    async def stop(self) -> None:
        """Accept nobody more, and cut off what is still going on."""
        await self.drain(0)

    def statistics(self) -> dict[str, int]:
        """How many connections are open, and requests under way, and their limits."""
        state = self._state
        return {
            "connections": len(state.connections) if state else 0,
            "connections_max": CONNECTIONS_MAX,
            "requests": len(state.tasks) if state else 0,
            "requests_total": state.total_requests if state else 0,
        }

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = False

        async def send_the_last(message: Any) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or message.get("more_body", False)
            if self._is_draining and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._application(scope, receive, send_the_last)
            if is_open:
                await self._cut(scope, receive)
        except asyncio.CancelledError:
            # uvicorn would log a fault and answer on a connection that has been cut off.
            if not self._is_aborting:
                raise

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        """
        Break the connection of an answer that has no end, so that nobody takes it for whole.

        Closed in order it would wait until its client has read what was sent, which may be never.
        """
        for connection in list(self._state.connections):
            if connection.scope is scope:
                connection.transport.abort()
                while (await receive())["type"] != "http.disconnect":
                    pass

    async def _linger(self, seconds: float) -> None:
        """Wait until no connection is left, for at most *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wait_finished()

    async def _wait_finished(self) -> None:
        while self._state.tasks:
            await asyncio.wait(list(self._state.tasks))
        while self._state.connections:
            self._no_connections.clear()
            await self._no_connections.wait()

    async def _abort(self) -> int:
        """Cut off what still goes on; applications that watch their client end by themselves."""
        cut = list(self._state.tasks)
        if cut:
            _log.warning("%s: %d requests were cut off", self._setting, len(cut))
        self._is_aborting = True
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in cut:
            task.cancel()
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await self._wait_finished()
        except TimeoutError:
            _log.warning("%s: %d requests do not end", self._setting, len(self._state.tasks))
        return len(cut)

    def _end(self) -> None:
        if self._date_timer is not None:
            self._date_timer.cancel()
        self._server = None
        self._close_socket()

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            if isinstance(self._address, Path):
                self._address.unlink(missing_ok=True)
        self._socket = None

    def _refresh_date(self) -> None:
        date = format_datetime(self._clock.now(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]
        self._date_timer = asyncio.get_running_loop().call_later(1.0, self._refresh_date)

    def connection_ended(self) -> None:
        """Hear from a connection that it is over."""
        if not self._state.connections:
            self._no_connections.set()

    @property
    def is_full(self) -> bool:
        """Whether as many connections are open as may be."""
        return len(self._state.connections) > CONNECTIONS_MAX


def _protocol() -> Any:
    return "httptools" if importlib.util.find_spec("httptools") else "h11"


def _connection_class(protocol: Any, listener: Listener) -> Any:  # noqa: C901 - a class
    """Derive from uvicorn's *protocol*: with limits, and the *listener* hears of its end."""

    class Connection(protocol):  # type: ignore[misc]
        """A connection of a client."""

        head_bytes = 0

        head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.app_state[GONE] = asyncio.Event()
            if listener.is_full:
                transport.abort()
            # uvicorn waits for ever for a first request, and for the rest of a head.
            self.timeout_keep_alive_task = self.loop.call_later(
                HEAD_SECONDS, self.timeout_keep_alive_handler
            )

        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            self.app_state[GONE].set()
            self._unset_keepalive_if_required()
            self._end_head()
            listener.connection_ended()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.scope is not None and "method" in self.scope:
                if self.head_timer is not None:
                    self._end_head()
                return
            # A head that never ends would fill the memory before anybody could refuse it.
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES_MAX:
                self._refuse(431, "The headers are too large.")
            elif self.head_timer is None:
                self.head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

        def _end_head(self) -> None:
            self.head_bytes = 0
            if self.head_timer is not None:
                self.head_timer.cancel()
                self.head_timer = None

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
            self._refuse(400, "This is no HTTP request.")

        def _refuse(self, status: int, detail: str) -> None:
            is_answering = self.cycle is not None and not self.cycle.response_complete
            if is_answering or self.transport.is_closing():
                # Its answer is on the way, and another one must not stand in the middle of it.
                self.transport.close()
                return
            body = _UNREADABLE % (status, detail.encode())
            self.transport.write(
                b"HTTP/1.1 %d \r\ncontent-type: application/problem+json\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (status, len(body), body)
            )
            self.transport.close()

    return Connection
