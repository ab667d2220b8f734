"""What an administrator does once, so that a service has a place of its own and no more."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from outgrow.errors import ExtraMissing

if TYPE_CHECKING:
    import asyncpg

ROLE_CONNECTIONS_MAX: Final = 60

_LEAST: Final = "login nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls"


class Administrator:
    """A connection of someone who may make roles and databases; ends with its ``async with``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            import asyncpg  # noqa: PLC0415 - of an extra
        except ModuleNotFoundError as error:
            raise ExtraMissing("postgres", "stores in PostgreSQL") from error
        self._connection = await asyncpg.connect(self._url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        await self._connection.close()

    async def make(self, database: str, role: str, password: str) -> None:
        """Make *database*, and *role* that may work in it and nowhere else."""
        await self._execute(
            f"create role {_name(role)} {_LEAST} connection limit {ROLE_CONNECTIONS_MAX} "
            f"password {_text(password)}"
        )
        await self._execute(
            f"create database {_name(database)} template template0 encoding 'UTF8' locale 'C'"
        )
        await self._execute(f"revoke all on database {_name(database)} from public")
        await self._execute(f"grant connect on database {_name(database)} to {_name(role)}")

    async def copy(self, template: str, database: str, owner: str) -> None:
        """Make *database*, equal to *template*, for *owner*; nobody may be logged in there."""
        await self._execute(
            f"create database {_name(database)} template {_name(template)} "
            f"owner {_name(owner)} strategy file_copy"
        )

    async def _execute(self, sql: str) -> None:
        assert self._connection is not None, "inside its async with"
        await self._connection.execute(sql)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
