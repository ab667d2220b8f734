"""Speaks HTTP to the shop as any client would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import aiohttp

Wait = Callable[[float], Awaitable[object]]
"""Waits for so many seconds; `asyncio.sleep`, or a test's own."""

POLL_SECONDS = 0.1
_TRY_AGAIN = (
    HTTPStatus.ACCEPTED,  # It goes on, and is asked for under its key.
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


class ShopUnreachable(Exception):
    """The shop has not answered for as long as the client was patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What the shop answered.

    Attributes:
        status: The HTTP status.
        body: The JSON, or None if there was none.
    """

    status: int
    body: Any

    @property
    def is_accepted(self) -> bool:
        """Whether the shop did what it was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def problem(self) -> str:
        """The name of the declared problem that it answered with, or its status."""
        name = str(_members(self.body).get("type")).rpartition(".")[2]
        return name if name[:1].isupper() else f"HTTP {self.status}"

    def says_the_same_as(self, other: Reply) -> bool:
        """Whether both are the same reply; each request may have an id of its own."""
        if self.status != other.status or self.is_accepted:
            return self == other
        own, others = _members(self.body), _members(other.body)
        return own | {"correlation_id": None} == others | {"correlation_id": None}


def _members(body: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


class Client:
    """
    Asks the shop, and asks again under the same key until it answers.

    Lives as long as its session.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        wait: Wait = asyncio.sleep,  # noqa: TID251 - the one clock of the demo
        patience_seconds: float = 30.0,
    ) -> None:
        self.session = session
        self.base_url = base_url
        self.wait = wait
        self.attempts_max = 1 + round(patience_seconds / POLL_SECONDS)
        self.retries = 0

    async def get(self, path: str) -> Any:
        """The JSON at *path*, which must be there."""
        reply = await self.ask("GET", path)
        if not reply.is_accepted:
            message = f"GET {path} answered {reply.status}: {reply.body}"
            raise ShopUnreachable(message)
        return reply.body

    async def ask(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Reply:
        """
        Send a request, and send it again as long as nobody knows whether it was done.

        Raises:
            ShopUnreachable: No answer in all the time.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        problem = "nothing was tried"
        for _ in range(self.attempts_max):
            try:
                reply = await self._once(verb, path, body, headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if reply.status not in _TRY_AGAIN:
                    return reply
                problem = f"HTTP {reply.status}"
            self.retries += 1
            await self.wait(POLL_SECONDS)
        message = f"{verb} {self.base_url}{path} was not answered: {problem}"
        raise ShopUnreachable(message)

    async def _once(
        self, verb: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Reply:
        async with self.session.request(
            verb, self.base_url + path, json=body, headers=headers
        ) as response:
            text = await response.read()
            has_json = text and "json" in response.content_type
            return Reply(status=response.status, body=await response.json() if has_json else None)
