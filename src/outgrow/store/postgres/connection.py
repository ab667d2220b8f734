"""One connection to PostgreSQL: prepared statements, values both ways, readable failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import asyncpg

from outgrow.errors import (
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    StoreUnreachable,
    UnitError,
)
from outgrow.store.postgres.statements import (
    Writer,
    load_all,
    loaders_for,
    translate_own,
    write_all,
    writers_for,
)
from outgrow.store.rows import shorten
from outgrow.store.session import Row, Rows

STATEMENT_SECONDS_MAX: Final = 1.0
STATEMENTS_PREPARED_MAX: Final = 512
STATEMENTS_OF_COPIES_MAX: Final = 8
"""What asyncpg itself keeps prepared, to copy rows into tables."""

CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_SECONDS_MAX: Final = 10.0
"""How long the server may take for what outgrow asks; then the connection counts as lost."""

ROLLBACK_SECONDS_MAX: Final = 2.0
"""How long it may take to roll back; then the connection is ended, which does the same."""

BEGIN: Final = "begin isolation level serializable"
IDLE_IN_TRANSACTION_SECONDS_MAX: Final = 10.0
"""After which the server ends a transaction whose process does nothing: it may be frozen."""


class RunAgain(BaseException):
    """
    The unit was rolled back through no fault of its own, and is to be run again as a whole.

    Attributes:
        cause: What happened.
        is_lost: Whether the connection is gone.
        is_careful: Whether each statement needs a savepoint, since one may fail without the unit.
    """

    def __init__(
        self, cause: BaseException, *, is_lost: bool = False, is_careful: bool = False
    ) -> None:
        self.cause = cause
        self.is_lost = is_lost
        self.is_careful = is_careful
        super().__init__(str(cause))


class _Prepared(NamedTuple):
    statement: Any
    writers: tuple[tuple[int, Writer], ...] | None
    columns: tuple[str, ...]
    loaders: tuple[tuple[int, Writer], ...] | None


class Connection:
    """
    A connection that one unit or snapshot at a time uses.

    Attributes:
        raw: The connection of asyncpg.
    """

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._prepared: dict[str, _Prepared] = {}

    @classmethod
    async def open(cls, url: str, service: str, *, isolation: str = "serializable") -> Connection:
        """
        Connect to the server at *url*.

        Raises:
            StoreUnreachable: It does not answer, or lets nobody in now.
            asyncpg.PostgresError: It refuses for good.
        """
        settings = {
            "application_name": f"outgrow {service}",
            "default_transaction_isolation": isolation,
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS_MAX:.0f}s",
            "jit": "off",
            "timezone": "UTC",
        }
        try:
            raw = await asyncpg.connect(
                url,
                timeout=CONNECT_SECONDS_MAX,
                statement_cache_size=STATEMENTS_OF_COPIES_MAX,
                server_settings=settings,
            )
        except AWAY as error:
            raise StoreUnreachable(shown(url), f"{type(error).__name__}: {error}") from error
        return cls(raw)

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return not self.raw.is_closed()

    async def command(self, sql: str) -> None:
        """Run a statement of outgrow's without parameters, or several."""
        await self.raw.execute(sql)

    async def run(self, sql: str, values: list[Any]) -> tuple[_Prepared, list[Any]]:
        """Run a statement with ``$n`` marks and take all its rows."""
        prepared = self._prepared.get(sql)
        if prepared is None:
            prepared = await self._prepare(sql)
        if prepared.writers is not None:
            write_all(prepared.writers, values)
        return prepared, await prepared.statement.fetch(*values)

    async def fetch(self, sql: str, values: list[Any]) -> Rows:
        """Run a statement of the user's; names of its columns, and its rows."""
        prepared, rows = await self.run(sql, values)
        if prepared.loaders is not None:
            return prepared.columns, load_all(prepared.loaders, rows)
        return prepared.columns, [tuple(row) for row in rows]

    async def change(self, sql: str, values: list[Any]) -> int:
        """Run a statement of the user's; how many rows it changed."""
        prepared, _ = await self.run(sql, values)
        words = prepared.statement.get_statusmsg().split()
        return int(words[-1]) if words[0] in _CHANGING else 0

    async def own(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Run a statement of outgrow's own, with ``?`` marks."""
        _, rows = await self.run(translate_own(sql), list(parameters))
        return [tuple(row) for row in rows]

    @contextmanager
    def ended_if_silent(self) -> Iterator[None]:
        """
        End the connection if what is asked meanwhile is not answered in `ANSWER_SECONDS_MAX`.

        For commits. A cancelled one would be committed here without the standby that it waits for,
        and seen by others; one whose client is gone waits on.
        """
        loop = asyncio.get_running_loop()
        timer = loop.call_later(ANSWER_SECONDS_MAX, self.raw.terminate)
        try:
            yield
        finally:
            timer.cancel()

    async def copy(self, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
        """Add *rows* to *table* at once; outside of a transaction it is one of its own."""
        await self.raw.copy_records_to_table(table, records=rows, columns=columns)

    async def close(self) -> None:
        """Say goodbye; if the server does not answer, without."""
        try:
            await self.raw.close(timeout=CONNECT_SECONDS_MAX)
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ):
            self.raw.terminate()

    async def forget(self) -> None:
        """Forget what was prepared: a migration has changed what it means."""
        self._prepared.clear()
        await self.raw.reload_schema_state()

    async def _prepare(self, sql: str) -> _Prepared:
        statement = await self.raw.prepare(sql)
        types = [attribute.type.name for attribute in statement.get_attributes()]
        prepared = _Prepared(
            statement,
            writers_for([one.name for one in statement.get_parameters()]),
            tuple(attribute.name for attribute in statement.get_attributes()),
            loaders_for(types),
        )
        if len(self._prepared) >= STATEMENTS_PREPARED_MAX:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[sql] = prepared
        return prepared


_CHANGING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})

AWAY: Final[tuple[type[Exception], ...]] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # What it says of a connection that breaks in mid-statement.
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # It became a standby.
)
"""What says nothing of a statement: the server is away, or is another one now."""

_CONFLICTS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
)


_UNFIT = (
    asyncpg.DataError,
    asyncpg.UnsupportedClientFeatureError,
    ValueError,
    TypeError,
    OverflowError,
    ArithmeticError,
)
"""A value cannot be what its parameter takes."""


def explain(sql: str, error: Exception) -> UnitError | RunAgain:
    """What *error* of a statement means: an error of outgrow's, or that all is to be run again."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return StatementInterrupted(
            f"{shorten(sql)}: interrupted after {STATEMENT_SECONDS_MAX:g} s. "
            "A statement may take that long at most, because others wait for it. "
            "Give it an index or a limit, or cut the work into several units."
        )
    if isinstance(error, _CONFLICTS):
        return RunAgain(error)
    if isinstance(error, _UNFIT) or (
        isinstance(error, asyncpg.InterfaceError) and "argument" in str(error)
    ):
        return StatementFailed(f"{shorten(sql)}: {error}", "DataError")
    if isinstance(error, AWAY):
        return RunAgain(error, is_lost=True)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return StatementRefused(
            f"{shorten(sql)}: not allowed here: {error}. A service's role reaches the tables of "
            "its own database, and no more."
        )
    kind = _kind_of(error)
    return StatementFailed(f"{shorten(sql)}: {error}", kind)


def _kind_of(error: Exception) -> str:
    state = getattr(error, "sqlstate", None) or ""
    return _KINDS.get(state[:2], type(error).__name__)


_KINDS = {"23": "IntegrityError", "22": "DataError", "42": "OperationalError"}
"""By the class of its SQLSTATE what SQLite calls such an error."""


def shown(url: str) -> str:
    """*url* without the password."""
    scheme, _, rest = url.partition("://")
    before, _, behind = rest.rpartition("@")
    user = before.partition(":")[0]
    text = f"{scheme}://{user}@{behind}" if user else f"{scheme}://{behind}"
    head, mark, query = text.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("password=")]
    return f"{head}{mark}{'&'.join(kept)}" if kept else head
