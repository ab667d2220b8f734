"""The stores of one application, as backups see them: files, or databases on a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

from outgrow.clock import Clock, SystemClock
from outgrow.errors import StoreError, StoreRefused
from outgrow.journal import HEARD
from outgrow.process.backups.dumping import KIND, bring_back, dump
from outgrow.process.backups.making import Tell, back_up
from outgrow.process.backups.note import Backup
from outgrow.process.backups.restoring import Ahead, Restored, read_backup, restore
from outgrow.process.places import Places
from outgrow.process.stores import located
from outgrow.store.creating import ask_database
from outgrow.store.sqlite import ask_store
from outgrow.topology import POSTGRES


class Stores(NamedTuple):
    """
    The stores of one application.

    Attributes:
        places: Where they are.
        clock: What is asked for the time.
    """

    places: Places
    clock: Clock = SystemClock()

    async def back_up(self, service: str, to: Path, tell: Tell) -> Backup:
        """
        Copy the store of *service* to the file *to*, whether the application runs or not.

        Raises:
            StoreRefused: Says why; there is no backup then.
        """
        async with self.places.found(self.places.chosen([service])) as found:
            where = _place_of(service, found)
            owner = {"application": self.places.plan.application, "service": service}
            if isinstance(where, str):
                return await dump(where, to, **owner, clock=self.clock)
            return await asyncio.to_thread(
                back_up,
                where / f"{service}.sqlite3",
                to,
                **owner,
                clock=self.clock,
                tell=tell,
            )

    async def restore(self, service: str, file: Path) -> Restored:
        """
        Put the backup *file* in the place of the store of *service*, which nobody may have open.

        Raises:
            StoreRefused: Says why; nothing was changed.
        """
        self.places.chosen([service])
        migrations = self.places.migrations_of(service)
        async with self._found(service) as found:
            where = _place_of(service, found)
            heard, unknown = await _heard(service, found)
            highest = max((one.position for one in heard), default=0)
            owner = {"application": self.places.plan.application, "service": service}
            aside = None
            if isinstance(where, str):
                backup = await asyncio.to_thread(read_backup, file, KIND, **owner)
                await bring_back(where, file, backup, highest)
            else:
                backup, aside = await asyncio.to_thread(
                    restore,
                    where / f"{service}.sqlite3",
                    file,
                    **owner,
                    clock=self.clock,
                    migrations=migrations,
                    heard=highest,
                )
        ahead = [one for one in heard if one.position > backup.journal_position]
        return Restored(backup, aside, ahead, unknown)

    def _found(self, service: str) -> AbstractAsyncContextManager[Mapping[str, Path | str]]:
        """Where all stores are; in the embedded server that of *service* is made if need be."""
        places = self.places
        if places.stores[service] == POSTGRES:
            return located(places.state, places.plan.application, places.stores)
        return places.found(list(places.plan.services))


def _place_of(service: str, found: Mapping[str, Path | str]) -> Path | str:
    where = found.get(service)
    if where is None:
        message = "it has no database in the embedded server yet: there is nothing to back up."
        raise StoreRefused(service, message)
    return where


async def _heard(
    service: str, found: Mapping[str, Path | str]
) -> tuple[list[Ahead], dict[str, str]]:
    """How far others have heard *service*, and whose stores could not be asked."""
    heard: list[Ahead] = []
    unknown: dict[str, str] = {}
    for other, where in found.items():
        if other == service:
            continue
        try:
            rows = await _ask(other, where, HEARD.replace("?", f"'{service}'"))
        except StoreError as error:
            unknown[other] = str(error)
            continue
        heard += [Ahead(other, consumer, position) for consumer, position in rows]
    return heard, unknown


async def _ask(service: str, where: Path | str, sql: str) -> list[tuple[str, int]]:
    if isinstance(where, str):
        [answered] = await ask_database(where, sql)
        rows: list[Any] = list(answered)
    else:
        path = where / f"{service}.sqlite3"
        is_there = await asyncio.to_thread(path.exists)
        rows = await asyncio.to_thread(ask_store, path, sql) if is_there else []
    return [(consumer, int(position)) for consumer, position in rows]
