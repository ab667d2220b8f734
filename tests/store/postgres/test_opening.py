"""Opening a database that cannot be a store: what is in the way, and what to do."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from outgrow.errors import StoreRefused
from outgrow.testing import PostgresServer


async def test_a_role_that_may_make_no_tables_is_told_so(open_at: Any, postgres_url: str) -> None:
    elsewhere = postgres_url.replace(urlsplit(postgres_url).path, "/postgres", 1)

    with pytest.raises(StoreRefused, match="outgrow store create"):
        await open_at(url=elsewhere)


async def test_a_wrong_password_is_told_with_what_to_do(
    open_at: Any, outgrow_postgres: PostgresServer
) -> None:
    url = (await outgrow_postgres.database()).replace(outgrow_postgres._password, "wrong")

    with pytest.raises(StoreRefused, match="the password is right") as refused:
        await open_at(url=url)
    assert "wrong" not in str(refused.value)
