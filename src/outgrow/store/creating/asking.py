"""Questions to a database that a running application need not know of."""

from __future__ import annotations

from outgrow.errors import StoreRefused
from outgrow.store.creating.connecting import connect, shown

Rows = list[tuple[object, ...]]


async def ask_database(url: str, *statements: str) -> list[Rows]:
    """
    The rows of each of *statements*, all of one moment; nothing is changed.

    Raises:
        StoreUnreachable: The server does not answer.
        StoreRefused: It lets nobody in, or a statement fails.
    """
    connection = await connect(url)
    import asyncpg  # noqa: PLC0415 - of an extra, which is there

    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return [
                [tuple(row) for row in await connection.fetch(statement)]
                for statement in statements
            ]
    except asyncpg.PostgresError as error:
        raise StoreRefused(shown(url), f"it cannot be read: {error}.") from error
    finally:
        await connection.close()
