"""Repeats of plain commands: merged while one goes on, answered from memory later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from outgrow.calls.arguments import encode_arguments, hash_arguments
from outgrow.context import Context, current
from outgrow.contracts import Method, Problem
from outgrow.errors import CallRefused, KeyReused


class Missing:
    """Nothing is remembered: not the same as a reply of None."""


MISSING: Final = Missing()


class Memory(Protocol):
    """
    What a service remembers of the plain commands that it has replied to.

    Transactional commands need none of this: they remember in their own transaction.
    """

    async def recall(self, method: Method, context: Context, arguments_hash: bytes) -> Any:
        """
        The reply to the caller's key, or `MISSING`.

        Raises:
            Problem: It was the reply.
            KeyReused: The key came with other arguments.
        """

    async def remember(
        self, method: Method, context: Context, arguments_hash: bytes, outcome: Any
    ) -> Any:
        """
        Keep *outcome*, a value or a problem, unless a reply is already kept; what is kept then.

        Another process may have run the same command meanwhile, and its caller has that reply.

        Raises:
            KeyReused: The key came with other arguments.
        """


class Repeats:
    """
    Repeats of one plain command: those at the same time are merged, later ones get the reply.

    The method itself runs outside of any transaction, so a crash in the middle lets the repeat run
    it again; what it calls is keyed and happens once.
    """

    def __init__(
        self, method: Method, run: Callable[..., Awaitable[Any]], memory: Memory | None
    ) -> None:
        self._method = method
        self._run = run
        self._memory = memory
        self._running: dict[tuple[str, str, str], tuple[bytes, asyncio.Future[Any]]] = {}

    async def run(self, *arguments: Any) -> Any:
        context = current()
        if context.key is None:
            return await self._run(*arguments)
        if context.undoes:
            raise CallRefused(
                self._method.full_name,
                f"it is a plain command, so it cannot undo {context.undoes.partition(' ')[0]}, of "
                "which nobody knows whether it arrived. Mark it @transactional or @saga.",
            )
        digest = hash_arguments(encode_arguments(self._method, arguments))
        scope = (context.caller.kind, context.caller.subject, context.key)
        while (running := self._running.get(scope)) is not None:
            if running[0] != digest:
                raise KeyReused(self._method.full_name, context.key)
            await asyncio.wait([running[1]])
            if not running[1].cancelled():
                return running[1].result()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._running[scope] = (digest, future)
        try:
            reply = await self._once(context, digest, arguments)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:
            if context.watch is not None and context.watch.has_fired:
                # Only this caller's time is over; another one begins anew.
                future.cancel()
                raise
            future.set_exception(error)
            future.exception()  # It is raised here as well, so nobody needs to be told twice.
            raise
        else:
            future.set_result(reply)
            return reply
        finally:
            del self._running[scope]

    async def _once(self, context: Context, digest: bytes, arguments: tuple[Any, ...]) -> Any:
        if self._memory is None:
            return await self._run(*arguments)
        reply = await self._memory.recall(self._method, context, digest)
        if reply is not MISSING:
            return reply
        try:
            outcome = await self._run(*arguments)
        except tuple(self._method.problems.values()) as problem:
            kept = await self._memory.remember(self._method, context, digest, problem)
            if kept is problem:
                raise
        else:
            kept = await self._memory.remember(self._method, context, digest, outcome)
        if isinstance(kept, Problem):
            raise kept
        return kept
