"""What a service owns: its rows, and the units of work that change them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Concatenate, ParamSpec, Self, TypeVar

from outgrow.clock import Clock, Timer
from outgrow.store.database import Database, Others
from outgrow.store.session import Dialect
from outgrow.store.transaction import Snapshot, Transaction

LEFT_SECONDS = 1.0
"""How often a store that was left is looked at again, while units of work wait."""

_IS_LEFT = "select 1 from outgrow_meta where name = 'moved_to'"

P = ParamSpec("P")
R = TypeVar("R")


class Store:
    """
    A service's own store; no other service can reach it.

    Made by outgrow when the service starts, or by `open_store`. It lives on the event loop on
    which it was opened, until it is closed.

    Attributes:
        application: The application that it belongs to.
        service: The service that it belongs to.
        clock: The application's.
    """

    def __init__(self, database: Database, *, application: str, service: str, clock: Clock) -> None:
        self._database = database
        self._hold: asyncio.Event | None = None
        self._rest = asyncio.Event()
        self._under_way = 0
        self._hold_ends: Timer | None = None
        self._switched: list[Callable[[], object]] = []
        self.clock = clock
        self.application = application
        self.service = service

    async def transact(
        self,
        unit: Callable[Concatenate[Transaction, P], Awaitable[R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """
        Run ``unit(tx, ...)`` as one transaction, and return its result after the commit.

        It runs in the caller's task, may wait for ``tx`` and nothing else, and is committed
        together with its neighbours. Inside of a transaction of this store it joins that one.

        Raises:
            UnitError: It was rolled back, alone. Any exception of the unit's own does the same,
                and comes out as it is.

        Cancelled:
            Before the unit begins: it never does. After that it ends and is committed, and then
            the caller is cancelled.
        """
        inside = self._database.joined()
        if inside is not None:
            return await unit(inside, *args, **kwargs)
        while self._hold is not None:
            await self._wait_held(self._hold)
        self._under_way += 1
        try:
            return await (await self._database.submit(unit, args, kwargs))  # type: ignore[no-any-return]
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._rest.set()

    async def submit(
        self,
        unit: Callable[Concatenate[Transaction, P], Awaitable[R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Awaitable[R]:
        """
        Run ``unit(tx, ...)`` now, and return an awaitable for its commit, which has its result.

        So that one task can run many units in order and have them committed together. A unit that
        raises is rolled back alone, and what it raised comes out here.
        """
        while self._hold is not None:
            await self._wait_held(self._hold)
        self._under_way += 1
        try:
            return await self._database.submit(unit, args, kwargs)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._rest.set()

    def read(self) -> AbstractAsyncContextManager[Snapshot]:
        """
        ``async with store.read() as snapshot``: read the rows as they are now.

        What was committed before is seen; what is committed meanwhile is not. Reading neither
        waits for units of work nor makes them wait.

        Raises:
            StatementRefused: A transaction of this store is open here; read with it.
        """
        return self._database.snapshot()

    def joined(self) -> Transaction | None:
        """The transaction of this store that the code which runs now is inside of, if any."""
        return self._database.joined()

    @property
    def dialect(self) -> Dialect:
        """Which database keeps it."""
        return self._database.dialect

    @property
    def is_shared(self) -> bool:
        """Whether several processes may have it open at once."""
        return self.dialect == "postgresql"

    @property
    def is_away(self) -> bool:
        """Whether its server cannot be reached now; of a store that is a file never."""
        others = self._database.others
        return others is not None and not others.key

    @property
    def others(self) -> Others | None:
        """The other processes that may have it open now; None if there can be none."""
        return self._database.others

    def on_switch(self, call: Callable[[], object]) -> None:
        """Call *call* whenever it has gone on with another database."""
        self._switched.append(call)

    async def hold(self, seconds: float) -> None:
        """
        Let new units of work wait, until `go_on` or at most for *seconds* from now.

        Those that have begun end before this returns. Asked again, the time begins again. If the
        store was left by a move meanwhile, they wait on: nothing can be written here any more.
        """
        if self._hold is None or self._hold.is_set():
            self._hold = asyncio.Event()
        if self._hold_ends is not None:
            self._hold_ends.cancel()
        self._hold_ends = self.clock.call_at(self.clock.monotonic() + seconds, self._hold.set)
        while self._under_way and self._hold is not None:
            self._rest.clear()
            await self._rest.wait()

    async def _wait_held(self, hold: asyncio.Event) -> None:
        await hold.wait()
        if self._hold is not hold:
            return
        # The time is up, and nobody said how it ended.
        async with self.read() as snapshot:
            is_left = bool(await snapshot.own(_IS_LEFT))
        if self._hold is hold and is_left:
            await self.hold(LEFT_SECONDS)
        elif self._hold is hold:
            self.go_on()

    def go_on(self) -> None:
        """Let the units of work begin that wait since `hold`."""
        self._rest.set()
        if self._hold is not None:
            self._hold.set()
            self._hold = None
        if self._hold_ends is not None:
            self._hold_ends.cancel()
            self._hold_ends = None

    async def switch(self, other: Store) -> None:
        """
        Go on with the database of *other*, which has all that this one has, and close one's own.

        Snapshots that are open here see the old rows until they end. *other* is not used again.
        """
        old, self._database = self._database, other._database
        self.go_on()
        for call in self._switched:
            call()
        await old.close()

    def statistics(self) -> dict[str, float]:
        """Counts since the opening, and limits; by names that end in their unit."""
        return self._database.statistics()

    def statements(self) -> set[str]:
        """
        The service's own statements that ran here, as far as SQLite's writer remembers them.

        For tests that tell a move what to try elsewhere. In PostgreSQL there is nothing to try.
        """
        said: Callable[[], set[str]] | None = getattr(self._database, "statements", None)
        return set() if said is None else said()

    async def close(self) -> None:
        """Commit what has begun, and let the file go."""
        self.go_on()
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
