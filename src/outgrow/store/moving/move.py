"""The steps of a move: each is noted before the next one, so that a kill between two loses none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from outgrow import crash
from outgrow.clock import Clock
from outgrow.context import new_id
from outgrow.errors import ControlError, MoveRefused
from outgrow.store.moving.copying import Copying, Progress, pair_tables
from outgrow.store.moving.end import JOURNAL, End
from outgrow.store.moving.ending import abandon, take_back
from outgrow.store.moving.marks import (
    ARRIVING,
    MOVED_FROM,
    MOVED_TO,
    Mark,
    left_text,
    read_mark,
)
from outgrow.store.moving.state import Moving, StateFile

RENEW_SECONDS: Final = 2.0
"""How often those who hold their units of work are told to go on holding them."""


class Hosts(Protocol):
    """The processes in which the service runs meanwhile."""

    async def hold(self) -> None:
        """Let new units of work wait; if it is not asked again soon, they go on."""

    async def let_go(self) -> None:
        """Let units of work go on where they were."""

    async def switch(self) -> None:
        """Let units of work go on at the target."""


@dataclass(kw_only=True)
class Move:
    """
    One move of one service's store.

    Attributes:
        application: Whose store it is.
        service: Whose store it is.
        source: Where it is.
        target: Where it goes.
        setting: What outgrow.toml is to say.
        old_setting: What outgrow.toml says now.
        secrets: Both with their passwords, the old one first.
        state: The file of the move.
        make_target: Makes and migrates an empty store at the target, as its opening does.
        hosts: Who runs the service meanwhile; None if nobody does.
        clock: The machine's.
        progress: Told how far it has come.
    """

    application: str
    service: str
    source: End
    target: End
    setting: str
    old_setting: str
    secrets: tuple[str, str]
    state: StateFile
    make_target: Callable[[], Awaitable[None]]
    hosts: Hosts | None
    clock: Clock
    progress: Progress
    moving: Moving = field(init=False)
    _has_left: bool = field(default=False, init=False)
    _before: Moving | None = field(default=None, init=False)

    async def run(self) -> Moving:
        """
        Move it, or go on with a move that was interrupted.

        Raises:
            MoveRefused: It cannot be moved there; nothing was changed in the old store.
            MoveFailed: What arrived is not what was sent; the old store goes on.
        """
        source_meta = await self._begin()
        if self._is_left(source_meta):
            await self._arrive()
            if self.hosts is not None:
                await self.hosts.switch()
            self._finish()
            return self.moving
        try:
            await self._prepare(source_meta)
        except Exception:
            await take_back(self.state, self._before, self.moving, self.source, self.target)
            raise
        copying = Copying(
            self.source, self.target, await pair_tables(self.source, self.target), self.progress
        )
        await copying.copy_ahead()
        crash.at("move.copied_ahead")
        self.moving.rows_ahead = copying.rows_ahead
        async with self._held():
            await copying.copy_all()
            await self.target.finish_writing(await copying.counted(), await copying.sequences())
            crash.at("move.compared")
            self.moving.tables = copying.done
            mark = self._mark(self.target.place, self.setting)
            await self.source.switch({MOVED_TO: mark.text()}, left_text(self.service, mark))
            self._has_left = True
            crash.at("move.source_left")
            await self._arrive()
        return self.moving

    async def check(self, statements: Iterable[str]) -> dict[str, str]:
        """
        Make and migrate the target, try *statements* there, and remove what was made.

        Returns:
            Why the target would not take a statement, by its text.

        Raises:
            MoveRefused: The store cannot be moved there; nothing was changed in the old one.
        """
        if self.state.read() is not None:
            message = f"a move of {self.service!r} is not finished or not confirmed."
            raise MoveRefused(str(self.state.path), message)
        source_meta = await self._begin()
        try:
            await self._prepare(source_meta)
            await pair_tables(self.source, self.target)
            await self.target.finish_writing({})
            found = {one: await self.target.refusal_of(one) for one in statements}
        finally:
            await abandon(self.state, self.moving, self.source, self.target)
        return {statement: reason for statement, reason in found.items() if reason is not None}

    async def _begin(self) -> Mapping[str, str]:
        """Read or write the file of the move; what the source says of itself."""
        found = self._before = self.state.read()
        if found is not None and found.step == "finished" and self._is_way_back(found):
            found = None
        meta = await self._owned(self.source)
        if meta is None:
            message = "there is no store to move. It is made when the service starts."
            raise MoveRefused(self.source.place, message)
        if found is not None:
            self._check_same(found)
        elif (moved := read_mark(meta, MOVED_TO)) is not None:
            raise MoveRefused(self.source.place, left_text(self.service, moved))
        self.moving = found or self._new(await self.target.meta())
        if not self._is_left(meta):
            await self._is_stale(meta)  # If it refuses, nothing has begun.
        self.state.write(self.moving)
        crash.at("move.begun")
        return meta

    def _new(self, target_meta: Mapping[str, str] | None) -> Moving:
        # If the file was lost, the target knows the move, and what arrived there is kept.
        arriving = read_mark(target_meta or {}, ARRIVING)
        is_same = arriving is not None and arriving.place == self.source.place
        return Moving(
            move=arriving.move if arriving is not None and is_same else new_id(),
            application=self.application,
            service=self.service,
            source=self.source.place,
            target=self.target.place,
            setting=self.setting,
            old_setting=self.old_setting,
            secrets=self.secrets,
            began_at=self._now(),
        )

    def _is_way_back(self, found: Moving) -> bool:
        return (found.source, found.target) == (self.target.place, self.source.place)

    def _check_same(self, found: Moving) -> None:
        if found.step == "finished":
            message = (
                f"{self.service!r} was moved to {found.target}, and that is not confirmed. Look "
                f"whether all is well there, then: outgrow store move {self.service} --confirm. "
                f"The way back is another move: --to {found.old_setting}."
            )
            raise MoveRefused(str(self.state.path), message)
        if (found.source, found.target) != (self.source.place, self.target.place):
            message = (
                f"a move of {self.service!r} from {found.source} to {found.target} is not "
                f"finished. Finish it: outgrow store move {self.service} --to {found.setting}; or "
                "give it up with --abandon."
            )
            raise MoveRefused(str(self.state.path), message)

    async def _owned(self, end: End) -> Mapping[str, str] | None:
        """What *end* says of itself, if it belongs to the service."""
        meta = await end.meta()
        if meta is None:
            return None
        owner = (meta.get("application"), meta.get("service"))
        if owner != (self.application, self.service):
            message = (
                f"it belongs to service {owner[1]!r} of application {owner[0]!r}, and not to "
                f"{self.service!r} of {self.application!r}. Name another place."
            )
            raise MoveRefused(end.place, message)
        return meta

    def _is_left(self, source_meta: Mapping[str, str]) -> bool:
        """Whether this move has left the source already."""
        moved = read_mark(source_meta, MOVED_TO)
        if moved is None:
            return False
        if moved.move != self.moving.move:
            raise MoveRefused(self.source.place, left_text(self.service, moved))
        return True

    async def _prepare(self, source_meta: Mapping[str, str]) -> None:
        """Have the tables made at the target, empty, and marked as those of this move."""
        if await self._is_stale(source_meta):
            await self.target.destroy()
        if await self.target.meta() is None:
            self.moving.is_target_ours = True
            self.state.write(self.moving)
            await self.make_target()
            crash.at("move.target_made")
        mark = self._mark(self.source.place, self.old_setting)
        await self.target.note({ARRIVING: mark.text()})
        await self._check_versions(source_meta)
        await self.target.begin_writing()
        for table in await self.target.tables():
            if table.name != JOURNAL:
                await self.target.remove(table)
        self.moving.step = "copying"
        self.state.write(self.moving)
        crash.at("move.prepared")

    async def _is_stale(self, source_meta: Mapping[str, str]) -> bool:
        """
        Whether what is at the target is nobody's any more, and is to be removed.

        Raises:
            MoveRefused: Somebody's rows are there.
        """
        meta = await self._owned(self.target)
        if meta is None:
            return False
        moved, arriving = read_mark(meta, MOVED_TO), read_mark(meta, ARRIVING)
        came_from = read_mark(source_meta, MOVED_FROM)
        if arriving is not None and arriving.move == self.moving.move:
            return not await _has_versions(self.source, source_meta, self.target, meta)
        if moved is not None and came_from is not None and moved.move == came_from.move:
            return True  # The source has all of it since.
        if arriving is not None:
            message = (
                f"another move, from {arriving.place}, is filling it. Give that one up with "
                "--abandon, or name another place."
            )
            raise MoveRefused(self.target.place, message)
        if not self.moving.is_target_ours:
            await self._refuse_rows()
        return False

    async def _refuse_rows(self) -> None:
        for table in await self.target.tables():
            if await self.target.count(table):
                message = (
                    f"a store of {self.service!r} is there, with rows in {table.name!r}. A move "
                    "goes to an empty place: name another, or remove that one."
                )
                raise MoveRefused(self.target.place, message)

    async def _check_versions(self, source_meta: Mapping[str, str]) -> None:
        target_meta = await self.target.meta() or {}
        if not await _has_versions(self.source, source_meta, self.target, target_meta):
            message = (
                f"its tables are not of the version of those in {self.source.place}. Start the "
                f"service once, so that its migrations are applied there, then move it."
            )
            raise MoveRefused(self.target.place, message)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Let nobody write meanwhile; if it fails, all go on where they were."""
        began = self.clock.monotonic()
        renewing: asyncio.Task[None] | None = None
        failure: BaseException | None = None
        async with asyncio.TaskGroup() as tasks:
            try:
                if self.hosts is not None:
                    await self.hosts.hold()
                    renewing = tasks.create_task(self._renew(self.hosts))
                await self.source.hold()
                crash.at("move.held")
                yield
                if self.hosts is not None:
                    await self.hosts.switch()
            except BaseException as error:  # noqa: BLE001 - raised again, without a group around it
                failure = error
            if renewing is not None:
                renewing.cancel()
        if failure is not None:
            await self._let_go()
            raise failure
        self.moving.pause_seconds = self.clock.monotonic() - began
        self._finish()

    async def _let_go(self) -> None:
        """Let all go on where they were, unless that is over."""
        if not self._has_left:
            await self.source.let_go()
            if self.hosts is not None:
                await self.hosts.let_go()

    async def _renew(self, hosts: Hosts) -> None:
        while True:
            await self.clock.sleep(RENEW_SECONDS)
            # A process that is gone holds nothing, and writes nothing either.
            with suppress(ControlError):
                await hosts.hold()

    async def _arrive(self) -> None:
        """The source is left: let the target be the store."""
        mark = self._mark(self.source.place, self.old_setting)
        await self.target.note({ARRIVING: None, MOVED_FROM: mark.text()})
        crash.at("move.arrived")
        self.moving.step = "switched"
        self.state.write(self.moving)
        crash.at("move.switched")

    def _finish(self) -> None:
        self.moving.step = "finished"
        self.state.write(self.moving)

    def _mark(self, place: str, setting: str) -> Mark:
        return Mark(move=self.moving.move, place=place, setting=setting, at=self._now())

    def _now(self) -> str:
        return self.clock.now().isoformat(timespec="seconds")


async def _has_versions(
    source: End, source_meta: Mapping[str, str], target: End, target_meta: Mapping[str, str]
) -> bool:
    """Whether both ends have the same migrations and versions of outgrow's tables."""
    same_migrations = await source.migrations() == await target.migrations()
    return same_migrations and _versions(source_meta) == _versions(target_meta)


def _versions(meta: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in meta.items() if name.startswith("schema:")}
