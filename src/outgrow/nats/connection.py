"""One connection to the NATS server, from its making to its loss."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport
from nats.errors import (
    Error,
    MaxPayloadError,
    NoServersError,
    StaleConnectionError,
    UnexpectedEOF,
)

from outgrow.nats.secrets import tls_of, without_secrets

CONNECT_SECONDS_MAX: Final = 2
"""How long one trial to connect may take."""

REQUEST_SECONDS_MAX: Final = 5.0
"""How long the server, or the process behind it, may take for an answer."""

PING_SECONDS: Final = 2
"""How often the server is asked for a sign of life; the second that is missing is a loss."""

CLOSE_SECONDS_MAX: Final = 1.0
"""How long the end of a connection may take, before it is left as it is."""

_log = logging.getLogger("outgrow.nats")

STATUS = "Status"
NO_RESPONDERS = "503"

Take = Callable[[Msg], Awaitable[None]]


class Lost(Exception):
    """The connection ended; whether what was sent has arrived is not known."""


class NoAnswer(Exception):
    """Nobody answered: nobody listens, or the answer took too long."""


class Refused(Exception):
    """
    JetStream said no.

    Attributes:
        code: The server's number for why.
    """

    def __init__(self, subject: str, code: int, text: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {text} ({code})")


class _Transport(TcpTransport):
    """
    The client's own, for TLS alone: nothing is sent before the handshake.

    The client by itself speaks TLS only if the server's first line says so, and anybody on the way
    may write that line, or leave the words out.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._is_secure = False

    def __bool__(self) -> bool:
        return True

    async def connect_tls(self, *arguments: Any, **more: Any) -> None:
        await super().connect_tls(*arguments, **more)
        self._is_secure = True
        with suppress(AttributeError):
            # The client leaves it out, and asyncio warns at the stream's end.
            stream: Any = self._io_writer.transport  # type: ignore[union-attr]
            stream.get_protocol()._over_ssl = True  # noqa: SLF001

    def write(self, payload: bytes) -> None:
        self._check()
        super().write(payload)  # type: ignore[no-untyped-call]

    def writelines(self, payload: list[bytes]) -> None:
        self._check()
        super().writelines(payload)  # type: ignore[no-untyped-call]

    def _check(self) -> None:
        if not self._is_secure:
            message = "its URL says tls://, and who answers does not offer TLS: nothing was sent"
            raise ConnectionRefusedError(message)


class Connection:
    """
    A connection that is made once; when it is lost, everything that waits for it is told so.

    The client's own way of connecting again is not used: what it has not sent yet it would send
    then, and who listens would not learn that something may have been missed.

    Attributes:
        is_lost: Whether it has ended.
    """

    def __init__(self, on_lost: Callable[[], object]) -> None:
        self._client = Client()
        self._on_lost = on_lost
        self.is_lost = False
        self._has_begun = False
        self._numbers = itertools.count()
        self._takers: dict[str, Callable[[Msg], object]] = {}
        self._waiting: set[asyncio.Future[Msg]] = set()
        self._inbox = ""

    async def open(self, url: str, name: str) -> None:
        """
        Connect.

        Args:
            url: May hold a name and a password, or a token, percent-encoded, and name files with
                certificates: see `without_secrets`.

        Raises:
            OSError: Nobody is there, or a file of the URL cannot be used, or who is there does not
                speak TLS, which the URL asks for; nothing was sent then.
            Error: Somebody is there, who refuses.
            ValueError: The URL cannot be one.
        """
        server, secrets = without_secrets(url)
        tls = tls_of(url)
        if tls is not None:
            # There is no option for it.
            self._client._transport = _Transport()  # noqa: SLF001
        try:
            self._has_begun = True
            await self._client.connect(
                server,
                **secrets,
                tls=tls,
                name=name,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_SECONDS_MAX,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
                skip_subject_validation=True,
                error_cb=self._failed,
                disconnected_cb=self._ended,
                closed_cb=self._ended,
            )
            self._inbox = self._client.new_inbox()
            await self._client.subscribe(f"{self._inbox}.*", cb=self._taken)
            heed_cancellation()
        except NoServersError as error:
            reason = self._client.last_error
            await self.close()
            raise (reason if isinstance(reason, OSError) else error) from error
        except BaseException:
            await self.close()
            raise

    @property
    def payload_bytes_max(self) -> int:
        """The most that the server takes in one message."""
        return self._client.max_payload

    def check(self) -> None:
        """Raise `Lost` if it is."""
        if not self.is_lost and not self._client.is_connected:
            self.lose()
        if self.is_lost:
            raise Lost

    def lose(self) -> None:
        """Let it be lost: whoever waits is told."""
        if self.is_lost:
            return
        self.is_lost = True
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(Lost())
        self._on_lost()

    async def close(self) -> None:
        """End it, in a bounded time; raises if the task was cancelled, even before."""
        self.lose()
        # A task of its own: a cancellation would be swallowed there, or leave the socket open.
        async with asyncio.TaskGroup() as group:
            closing = group.create_task(self._close())
            until = asyncio.get_running_loop().time() + CLOSE_SECONDS_MAX
            while not closing.done():
                seconds = until - asyncio.get_running_loop().time()
                if seconds <= 0:
                    closing.cancel()
                with suppress(asyncio.CancelledError):  # It is heeded below.
                    await asyncio.wait({closing}, timeout=max(seconds, 0.1))
        heed_cancellation()

    async def _close(self) -> None:
        if not self._has_begun:
            return
        with suppress(OSError, Error, TimeoutError):
            await self._client.close()

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """
        Send without waiting.

        Raises:
            Lost: It could not be sent, or the connection is lost.
        """
        self.check()
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
        except MaxPayloadError:
            raise
        except (OSError, Error) as error:
            self.lose()
            raise Lost from error
        finally:
            heed_cancellation()

    async def subscribe(self, subject: str, take: Take) -> Callable[[], Awaitable[None]]:
        """Give *take* each message of *subject*; what is returned ends that."""
        self.check()
        subscription = await self._client.subscribe(subject, cb=take)
        heed_cancellation()

        async def end() -> None:
            with suppress(OSError, Error):
                await subscription.unsubscribe()
            heed_cancellation()

        return end

    def new_inbox(self) -> str:
        """A subject that nobody else uses."""
        return self._client.new_inbox()

    @contextmanager
    def taking(self, take: Callable[[Msg], object]) -> Iterator[str]:
        """A subject for answers: *take* is given each, until the end of the block."""
        subject = f"{self._inbox}.{next(self._numbers)}"
        self._takers[subject] = take
        try:
            yield subject
        finally:
            del self._takers[subject]

    def promise(self) -> tuple[str, asyncio.Future[Msg]]:
        """A subject for one answer, and the answer; or `Lost`, when the connection is."""
        self.check()
        answered: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        subject = f"{self._inbox}.{next(self._numbers)}"
        self._waiting.add(answered)

        def take(answer: Msg) -> None:
            if not answered.done():
                answered.set_result(answer)

        def done(future: asyncio.Future[Msg]) -> None:
            self._takers.pop(subject, None)
            self._waiting.discard(future)

        self._takers[subject] = take
        answered.add_done_callback(done)
        return subject, answered

    async def request(
        self, subject: str, payload: bytes, seconds: float = REQUEST_SECONDS_MAX
    ) -> Msg:
        """
        Ask, and wait for one answer.

        Raises:
            Lost: The connection ended before it came.
            NoAnswer: Nobody listens to *subject*, or nobody answered in time.
        """
        reply, answered = self.promise()
        try:
            await self.publish(subject, payload, reply=reply)
            message = await in_time(answered, seconds)
        finally:
            answered.cancel()
        if message.headers and message.headers.get(STATUS) == NO_RESPONDERS:
            raise NoAnswer(f"{subject}: nobody listens")
        return message

    async def ask_server(self, subject: str, **fields: Any) -> Any:
        """
        Ask JetStream's own interface, such as ``STREAM.INFO.name``.

        Raises:
            Refused: It said no.
        """
        payload = msgspec.json.encode(fields) if fields else b""
        message = await self.request(f"$JS.API.{subject}", payload)
        answer = msgspec.json.decode(message.data)
        if "error" in answer:
            error = answer["error"]
            raise Refused(subject, error.get("err_code", 0), error.get("description", ""))
        return answer

    async def _taken(self, message: Msg) -> None:
        take = self._takers.get(message.subject)
        if take is not None:
            take(message)

    async def _failed(self, error: Exception) -> None:
        if isinstance(error, OSError | UnexpectedEOF | StaleConnectionError):
            self.lose()
        elif not isinstance(error, Error | TimeoutError):
            _log.error("what came over NATS could not be taken", exc_info=error)

    async def _ended(self) -> None:
        self.lose()


def heed_cancellation() -> None:
    """
    Raise if the task that runs was cancelled; to be called after whatever the client awaits.

    The client takes a cancellation for its own in some places, and swallows it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def in_time(answered: asyncio.Future[Msg], seconds: float) -> Msg:
    """
    The answer.

    Raises:
        Lost: The connection ended before it came.
        NoAnswer: It took longer than *seconds*.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answered
    except TimeoutError as error:
        raise NoAnswer(f"no answer within {seconds} s") from error
