"""How far each store is: its size, its migrations, its journal and who listens to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from outgrow.errors import StoreError
from outgrow.process.places.finding import Places
from outgrow.process.stores import embedded_place
from outgrow.store.creating import ask_database
from outgrow.store.migrating import Applied, is_alembic, level_of, read_migrations
from outgrow.store.sqlite import ask_store
from outgrow.topology import POSTGRES, shown

_META: Final = "select name, value from outgrow_meta"
_APPLIED: Final = "select number, name, checksum from outgrow_migrations order by number"
_END: Final = "select coalesce(max(position), 0) from outgrow_journal"
_HEARD: Final = (
    "select consumer, source, max(position) from ("
    "select consumer, source, position from outgrow_highwater "
    "union all select consumer, source, position from outgrow_cursor"
    ") as heard group by consumer, source"
)
_PARKED: Final = (
    "select count(*) from (select 1 from outgrow_waiting where state = 'parked' "
    "group by consumer, source, key) as parked"
)
_QUESTIONS: Final = (_META, _APPLIED, _END, _HEARD, _PARKED)
_HEADS: Final = "select version_num from alembic_version"
_SIZE: Final = "select pg_database_size(current_database())"
_SERVER: Final = "select current_setting('server_version')"


class Standing(msgspec.Struct, kw_only=True):
    """
    How far the store of one service is.

    Attributes:
        place: Where it lives, without a password.
        state: ``ok``; ``new``: it is made at the next start; ``refused``: it cannot be read.
        message: Why, if it cannot; or what is to be configured, if it was moved.
        bytes: How large it is.
        applied: How many migrations it has.
        pending: How many more the next start applies.
        journal_end: The last position of its journal.
        lag: How far its slowest consumer is behind its source; None if it has none.
        parked: Under how many keys messages wait for an operator.
        version: Of outgrow's own tables in it.
        server: What keeps it.
    """

    service: str
    place: str
    state: Literal["ok", "new", "refused"] = "ok"
    message: str = ""
    bytes: int | None = None
    applied: int | None = None
    pending: int | None = None
    journal_end: int | None = None
    lag: int | None = None
    parked: int | None = None
    version: int | None = None
    server: str | None = None


async def look_at_stores(places: Places, services: Sequence[str]) -> list[Standing]:
    """
    How far the stores of *services* are; nothing in them is changed.

    Raises:
        StoreRefused: The embedded server cannot be started to ask it.
    """
    heard: dict[str, list[tuple[str, int]]] = {}
    standings: dict[str, Standing] = {}
    async with places.found(list(places.plan.services)) as found:
        for service in places.plan.services:
            where = found.get(service)
            standings[service] = standing = _begin(places, service, where)
            if where is None or (isinstance(where, Path) and not _file(where, service).exists()):
                standing.state = "new"
                continue
            try:
                heard[service] = await _look(places, service, where, standing)
            except StoreError as error:
                standing.state, standing.message = "refused", str(error)
    for service, sources in heard.items():
        ends = {name: one.journal_end for name, one in standings.items()}
        lags = [max(0, end - at) for source, at in sources if (end := ends.get(source)) is not None]
        standings[service].lag = max(lags, default=None)
    return [standings[service] for service in services]


def _begin(places: Places, service: str, where: Path | str | None) -> Standing:
    said = places.moved.get(service)
    standing = Standing(service=service, place=_told(places, service, where, said))
    if said is not None:
        standing.message = (
            f"it was moved to {standing.place}, and outgrow.toml or the environment still say "
            f"{shown(places.stores[service])!r}. Let them say {shown(said)!r} before the next "
            "start."
        )
    return standing


def _told(places: Places, service: str, where: Path | str | None, said: str | None) -> str:
    said = said or places.stores[service]
    if isinstance(where, Path):
        return str(_file(where, service))
    if said == POSTGRES:  # Its socket is elsewhere at the next start.
        return embedded_place(places.plan.application, service)
    return shown(where or said)


def _file(folder: Path, service: str) -> Path:
    return folder / f"{service}.sqlite3"


def _bytes(file: Path) -> int:
    """Of the file and of its log."""
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


async def _look(
    places: Places, service: str, where: Path | str, standing: Standing
) -> list[tuple[str, int]]:
    """Fill *standing*; gives how far its consumers have heard which source."""
    answers: Any
    if isinstance(where, Path):
        file = _file(where, service)
        answers = [ask_store(file, question) for question in _QUESTIONS]
        standing.bytes = _bytes(file)
        standing.server = f"SQLite {sqlite3.sqlite_version}"
    else:
        answers = await ask_database(where, *_QUESTIONS, _SIZE, _SERVER)
        *answers, ((standing.bytes,),), ((version,),) = answers
        standing.server = f"PostgreSQL {version}"
    meta, applied, ((standing.journal_end,),), heard, ((standing.parked,),) = answers
    standing.version = int(dict(meta).get("schema:journal", 0))
    folder = places.migrations_of(service)
    if folder is not None and is_alembic(folder):
        standing.applied, standing.pending = await _revisions(folder, where, service)
    else:
        known = read_migrations(folder, "sqlite" if isinstance(where, Path) else "postgresql")
        level = level_of([Applied(*row) for row in applied], known)
        standing.applied, standing.pending = len(level.applied), len(level.pending)
    return [(str(source), int(position)) for _, source, position in heard]


async def _revisions(folder: Path, where: Path | str, service: str) -> tuple[int, int]:
    """How many revisions of Alembic the store has, and how many are pending."""
    from outgrow.store.alchemy import revisions_of  # noqa: PLC0415 - an extra

    try:
        if isinstance(where, Path):
            heads = ask_store(_file(where, service), _HEADS)
        else:
            (heads,) = await ask_database(where, _HEADS)
    except StoreError:
        heads = []  # There is no such table yet.
    applied, pending = revisions_of(folder, [str(head) for (head,) in heads])
    return len(applied), len(pending)
