"""What an administrator does once, so that a service has a place of its own and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit, urlunsplit

from outgrow.errors import StoreRefused
from outgrow.store.creating.connecting import connect, shown
from outgrow.store.creating.names import database_name
from outgrow.store.creating.passwords import verifier

if TYPE_CHECKING:
    import asyncpg

ROLE_CONNECTIONS_MAX: Final = 100

_LEAST: Final = "login nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls"
_SETTINGS: Final = {
    "statement_timeout": "1h",
    "lock_timeout": "1min",
    "idle_in_transaction_session_timeout": "5min",
}
"""What ends a session's work that nobody waits for any more; a session may ask for less."""

_MIGHTY: Final = ("rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls")


class Administrator:
    """
    A connection of someone who may make roles and databases; ends with its ``async with``.

    Need not be a superuser: ``createrole`` and ``createdb`` are enough.

    Raises:
        StoreUnreachable: The server does not answer.
        StoreRefused: It lets nobody in under that name and password.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await connect(self._url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        await self._connection.close()

    async def provide(
        self, application: str, service: str, password: str, *, is_renewed: bool = False
    ) -> bool:
        """
        Give *service* a database and a role that may work in it and nowhere else.

        What is there already stays; what an earlier, interrupted call has left is completed.

        Args:
            password: Of the role, if it is made now.
            is_renewed: Whether a role that is there gets the password too.

        Returns:
            Whether the role has *password* now.

        Raises:
            StoreRefused: A role or database of that name is somebody else's, or the role may do
                more than a service should; or the administrator may not make them.
        """
        import asyncpg  # noqa: PLC0415 - of an extra, which is there

        name = database_name(application, service)
        note = f"outgrow: the store of service {service!r} of application {application!r}"
        try:
            is_given = await self._provide_role(name, note, password, is_renewed=is_renewed)
            await self._provide_database(name, note)
        except asyncpg.InsufficientPrivilegeError as error:
            said = str(error).partition("\n")[0].rstrip(".")
            message = (
                f"its administrator may not do that: {said}. It takes one with CREATEROLE and "
                "CREATEDB."
            )
            raise StoreRefused(shown(self._url), message) from error
        return is_given

    async def shut(self, *databases: str) -> None:
        """Let nobody but superusers log in to *databases*, which are no service's."""
        for database in databases:
            await self._execute(f"revoke all on database {_name(database)} from public")

    async def copy(self, template: str, database: str) -> None:
        """Make *database*, equal to *template*, whose role works in it too."""
        role = _name(template)
        await self._execute(f"create database {_name(database)} template {role} strategy file_copy")
        await self._execute(f"grant connect on database {_name(database)} to {role}")

    async def drop_unused(self, database: str) -> bool:
        """Drop *database* and what it holds, if nobody is logged in there; whether it is gone."""
        import asyncpg  # noqa: PLC0415 - of an extra, which is there

        try:
            await self._execute(f"drop database if exists {_name(database)}")
        except asyncpg.ObjectInUseError:
            return False
        return True

    async def _provide_role(self, name: str, note: str, password: str, *, is_renewed: bool) -> bool:
        assert self._connection is not None, "inside its async with"
        role = await self._connection.fetchrow(
            "select *, shobj_description(oid, 'pg_authid') as note from pg_roles "
            "where rolname = $1",
            name,
        )
        if role is None:
            async with self._connection.transaction():
                await self._execute(
                    f"create role {_name(name)} {_LEAST} connection limit {ROLE_CONNECTIONS_MAX} "
                    f"password {_text(verifier(password))}"
                )
                await self._execute(f"comment on role {_name(name)} is {_text(note)}")
            return True
        self._check_ours("role", name, role["note"], note)
        if mighty := [right for right in _MIGHTY if role[right]]:
            rights = ", ".join(right.removeprefix("rol") for right in mighty)
            message = f"role {name!r} may do more than a service should: {rights}. Take it away."
            raise StoreRefused(shown(self._url), message)
        if is_renewed:
            await self._execute(f"alter role {_name(name)} password {_text(verifier(password))}")
        return is_renewed

    async def _provide_database(self, name: str, note: str) -> None:
        assert self._connection is not None, "inside its async with"
        database, role = _name(name), _name(name)
        found = await self._connection.fetchrow(
            "select shobj_description(oid, 'pg_database') as note from pg_database "
            "where datname = $1",
            name,
        )
        if found is None:
            await self._execute(
                f"create database {database} template template0 encoding 'UTF8' locale 'C'"
            )
        elif found["note"] is not None:
            # Without a note, it is one that an interrupted call has made: see what it holds.
            self._check_ours("database", name, found["note"], note)
        async with self._within(name) as connection:
            if found is not None and found["note"] is None:
                await self._check_empty(connection, name)
            await connection.execute("revoke all on schema public from public")
            await connection.execute(f"grant usage, create on schema public to {role}")
        await self._execute(f"revoke all on database {database} from public")
        await self._execute(f"grant connect on database {database} to {role}")
        for setting, value in _SETTINGS.items():
            await self._execute(
                f"alter role {role} in database {database} set {setting} = {_text(value)}"
            )
        await self._execute(f"comment on database {database} is {_text(note)}")

    async def _check_empty(self, connection: asyncpg.Connection, name: str) -> None:
        if await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'"):
            self._check_ours("database", name, None, "")

    def _check_ours(self, kind: str, name: str, found: str | None, note: str) -> None:
        if found == note:
            return
        told = f": {found}" if found else ", of which outgrow knows nothing"
        message = (
            f"there is a {kind} {name!r} already{told}. Nothing of it was changed. Rename it, or "
            "give the service the URL of another database."
        )
        raise StoreRefused(shown(self._url), message)

    @asynccontextmanager
    async def _within(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection to *database* as the same administrator."""
        parts = urlsplit(self._url)
        connection = await connect(urlunsplit(parts._replace(path=f"/{database}")))
        try:
            yield connection
        finally:
            await connection.close()

    async def _execute(self, sql: str) -> None:
        assert self._connection is not None, "inside its async with"
        await self._connection.execute(sql)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
