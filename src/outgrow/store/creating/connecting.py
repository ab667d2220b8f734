"""A connection for a moment, and what a refused one says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from outgrow.errors import ExtraMissing, StoreRefused, StoreUnreachable

if TYPE_CHECKING:
    import asyncpg

CONNECT_SECONDS_MAX: Final = 10.0


async def connect(url: str) -> asyncpg.Connection:
    """
    A connection to *url*.

    Raises:
        StoreUnreachable: The server does not answer.
        StoreRefused: It lets nobody in under that name and password.
        ExtraMissing: ``asyncpg`` is not installed.
    """
    try:
        import asyncpg  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("postgres", "stores in PostgreSQL") from error
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
        raise StoreUnreachable(shown(url), str(error) or type(error).__name__) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StoreRefused(shown(url), f"it lets nobody in: {error}.") from error


def shown(url: str) -> str:
    """*url* without its password."""
    return re.sub(r"(?<=://)([^/?#@:]*):[^/?#@]*@", r"\1@", url)
