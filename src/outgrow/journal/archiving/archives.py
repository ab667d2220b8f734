"""The archives of the services of one process: written, deleted behind all readers, put back."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from outgrow.context import enter, leave
from outgrow.errors import ArchiveBroken, CommitUnknown, ControlError
from outgrow.journal.archiving.answers import Archived, Deleted, Restored
from outgrow.journal.archiving.files import (
    FORMAT,
    FileWriter,
    Header,
    end_of,
    files_of,
    highest_number,
    read_header,
    read_rows,
    verify_archives,
)
from outgrow.journal.auditing import COLUMNS, Decision, operators_context
from outgrow.journal.messages import time_text
from outgrow.journal.outbox import Outbox
from outgrow.journal.reading import Journal
from outgrow.journal.schema import PARTITIONS
from outgrow.store import Store, Transaction

T = TypeVar("T")

_log = logging.getLogger("outgrow.journal")

FILE_ROWS_MAX: Final = 100_000
"""How many rows go into one file; more go into the next."""

PAGE_ROWS: Final = 1_000
"""How many rows are read at once."""

RESTORED_ROWS: Final = 200
"""How many rows are put back in one unit of work, so that nobody waits for it."""

DELETED_ROWS: Final = 500
"""How many rows are deleted in one unit of work, so that nobody waits for it."""

DELETED_ROWS_PER_CALL: Final = 20_000
"""How many are deleted before whoever asked is told how far it is."""

ARCHIVED: Final = "outgrow.Archived"
RESTORED: Final = "outgrow.Restored"

_NAMES = tuple(COLUMNS.split(", "))
_LAST = (
    "select number, last_position, checksum, file from outgrow_archive order by number desc limit 1"
)
_LOOK = (
    "select position, recorded_at from outgrow_journal where position > ? and position <= ? "
    "order by position limit ?"
)
_READ = (
    f"select {COLUMNS} from outgrow_journal "  # noqa: S608 - our own columns
    "where position > ? and position <= ? order by position limit ?"
)
_NOTE = (
    "insert into outgrow_archive (number, first_position, last_position, events, file, checksum, "
    "archived_at) values (?, ?, ?, ?, ?, ?, ?)"
)
_ARCHIVED_UP_TO = "select coalesce(max(last_position), 0) from outgrow_archive"
_HELD = (
    "select a.number, a.first_position, a.last_position, a.file, a.checksum from outgrow_archive a "
    "where a.first_position <= ? and exists (select 1 from outgrow_journal j "
    "where j.position >= a.first_position and j.position <= a.last_position and j.position <= ?) "
    "order by a.number"
)
_DELETE = (
    "delete from outgrow_journal where position in (select position from outgrow_journal "
    "where position >= ? and position <= ? "
    "and exists (select 1 from outgrow_archive where number = ? and checksum = ?) "
    "order by position limit ?) returning position"
)
_MARK_DELETED = (
    "update outgrow_archive set deleted_at = ? where first_position <= ? and deleted_at is null"
)
_MARK_WHOLE = "update outgrow_archive set deleted_at = null where number = ?"
_COUNT = "select count(*) from outgrow_journal where position >= ? and position <= ?"
_FILE = "select checksum from outgrow_archive where number = ?"
_PUT_BACK = (
    f"insert into outgrow_journal ({COLUMNS}) "  # noqa: S608 - our own columns
    f"values ({', '.join('?' * len(_NAMES))}) on conflict (position) do nothing returning position"
)
_CURSORS = "select consumer, position from outgrow_cursor where source = ?"
_SHARES = (
    "select consumer, min(position), count(*) from outgrow_share where source = ? group by consumer"
)


class _Written(NamedTuple):
    """
    A file that is whole and on the disk, and not noted yet.

    Attributes:
        before: What the store said of the last file when this one was begun.
        checksum: At which it ends.
    """

    before: list[tuple[Any, ...]]
    header: Header
    path: Path
    checksum: str


class Archives:
    """
    Archives the journals of the services here. Lives as long as its delivery.

    A row is deleted only while the file that holds it is where it was written, whole and proven,
    and only once every known consumer is behind it. The newest row is never deleted: it says where
    the journal ends.

    Other processes over the same store may do the same at the same time: what the store notes of a
    file is noted only if nobody has noted another meanwhile, and no file is ever replaced.
    """

    def __init__(
        self,
        stores: Mapping[str, Store],
        outboxes: Mapping[str, Outbox],
        journals: Mapping[str, Journal],
    ) -> None:
        self._stores = stores
        self._outboxes = outboxes
        self._journals = journals
        self._busy: set[str] = set()

    async def archive(
        self, service: str, folder: Path, older_than: timedelta, decision: Decision
    ) -> Archived:
        """
        Write the next file with rows of *service* that are older than *older_than*.

        Raises:
            ControlError: The service has no journal here, the folder cannot be written, or another
                archive of it is being made.
        """
        with _Alone(self._busy, service):
            store = self._store(service)
            async with store.read() as snapshot:
                noted = await snapshot.own(_LAST)
            number, after, checksum, _ = noted[0] if noted else (0, 0, "", "")
            before = time_text(store.clock.now() - older_than)
            first, last, count, is_all = await self._extent(service, after, before)
            if not count:
                return Archived(file=None, rows=0, first=0, last=0, is_all=True)
            # A store that was brought back does not know of later files.
            number = max(number, await _in_thread(highest_number, folder, service))
            header = Header(
                archive=FORMAT,
                application=store.application,
                service=service,
                number=number + 1,
                first=first,
                last=last,
                rows=count,
                previous=checksum,
                made_at=time_text(store.clock.now()),
            )
            path, checksum = await self._write(store, folder, header)
            await self._note_once(_Written(noted, header, path, checksum), decision)
            return Archived(file=str(path), rows=count, first=first, last=last, is_all=is_all)

    async def passed(self, source: str) -> dict[str, int]:
        """Up to where each known consumer of a store here has read the journal of *source*."""
        told = {}
        for store in self._stores.values():
            async with store.read() as snapshot:
                shares = {name: rest for name, *rest in await snapshot.own(_SHARES, (source,))}
                for consumer, cursor in await snapshot.own(_CURSORS, (source,)):
                    least, partitions = shares.get(consumer, (0, 0))
                    # Partitions without a share are where the cursor is.
                    is_whole = partitions == PARTITIONS
                    told[consumer] = max(cursor, least) if is_whole else cursor
        return told

    async def delete(self, service: str, passed: Mapping[str, int]) -> Deleted:
        """
        Delete some of what is archived of *service* and no consumer needs any more.

        Args:
            passed: Up to where consumers of other processes have read.

        Raises:
            ControlError: The service has no journal here, an archive of it is being made, or a file
                is not where it was written, or not as it was.
        """
        with _Alone(self._busy, service):
            store = self._store(service)
            journal = self._journals[service]
            # Who has just been sent its first command may have no sender yet.
            senders = {f"{service} -> {one}": 0 for one in await journal.destinations()}
            everyone = {**senders, **passed, **await self.passed(service)}
            end = await journal.end()
            async with store.read() as snapshot:
                ((archived,),) = await snapshot.own(_ARCHIVED_UP_TO)
            up_to = min([archived, end - 1, *everyone.values()])
            held_up = sorted(name for name, position in everyone.items() if position < archived)
            rows = await self._delete_up_to(store, up_to)
            is_all = rows < DELETED_ROWS_PER_CALL
            return Deleted(rows=rows, up_to=max(up_to, 0), is_all=is_all, held_up=held_up)

    async def restore(self, service: str, folder: Path, decision: Decision) -> Restored:
        """
        Put rows of *service* back that its archives in *folder* hold, each where it was.

        What is there is left as it is, so it may be done again.

        Raises:
            ControlError: An archive is broken, or is not one of this journal.
        """
        with _Alone(self._busy, service):
            store = self._store(service)
            paths = await _in_thread(_proven, folder, service)
            if not paths:
                message = f"{folder} holds no archive of {service!r}."
                raise ControlError(message)
            for path in paths:
                await self._check_ours(store, path)
            rows = read = 0
            for path in paths:
                back, whole = await self._put_back(store, path)
                rows, read = rows + back, read + whole
            body = {"files": len(paths), "rows": rows, "folder": str(folder)}
            await store.transact(self._audit, RESTORED, body, decision, service)
            return Restored(files=len(paths), rows=rows, read=read)

    async def _extent(self, service: str, after: int, before: str) -> tuple[int, int, int, bool]:
        """First and last position and number of the rows for the next file; if that is all."""
        end = await self._journals[service].end()
        first = last = count = 0
        while count < FILE_ROWS_MAX:
            limit = min(PAGE_ROWS, FILE_ROWS_MAX - count)
            async with self._store(service).read() as snapshot:
                rows = await snapshot.own(_LOOK, (max(last, after), end, limit))
            old = next((n for n, row in enumerate(rows) if row[1] > before), len(rows))
            if old:
                first, last = first or rows[0][0], rows[old - 1][0]
            count += old
            if old < limit:
                return first, last, count, True
        return first, last, count, False

    async def _write(self, store: Store, folder: Path, header: Header) -> tuple[Path, str]:
        """Write the file and prove it; where it is, and the checksum at which it ends."""
        writer: FileWriter | None = None
        try:
            writer = await _in_thread(FileWriter, folder, header)
            position = header.first - 1
            while position < header.last:
                async with store.read() as snapshot:
                    rows = await snapshot.own(_READ, (position, header.last, PAGE_ROWS))
                if not rows:
                    break
                position = rows[-1][0]
                named = [dict(zip(_NAMES, row, strict=True)) for row in rows]
                await _in_thread(writer.write, named)
            await _in_thread(writer.finish)
            await _in_thread(end_of, writer.path)
        except ControlError as error:
            if writer is not None:
                writer.give_up()
            message = f"{folder}: the archive could not be written: {error} Nothing was deleted."
            raise ControlError(message) from error
        return writer.path, writer.checksum

    async def _note_once(self, written: _Written, decision: Decision) -> None:
        """
        Note a file behind what was the last one before; otherwise take it away again.

        Raises:
            ControlError: Somebody else has noted another meanwhile.
        """
        store = self._store(written.header.service)
        try:
            await store.transact(self._note, written, decision)
        except CommitUnknown:
            # The file stays, whatever comes now: it may be noted.
            await store.transact(self._note, written, decision)
        except Exception:
            await _in_thread(written.path.unlink)
            raise

    async def _note(self, tx: Transaction, written: _Written, decision: Decision) -> None:
        before, header, path, checksum = written
        noted = await tx.own(_LAST)
        if noted == [(header.number, header.last, checksum, str(path))]:
            return
        if noted != before:
            message = (
                f"another archive of {header.service!r} was made at the same time. Nothing was "
                "changed; do it again if there is more to archive."
            )
            raise ControlError(message)
        extent = (header.number, header.first, header.last, header.rows)
        await tx.own(_NOTE, (*extent, str(path), checksum, header.made_at))
        body: dict[str, Any] = {"number": header.number, "first": header.first, "last": header.last}
        body |= {"rows": header.rows, "file": str(path), "checksum": checksum}
        await self._audit(tx, ARCHIVED, body, decision, header.service)

    async def _delete_up_to(self, store: Store, up_to: int) -> int:
        """Delete rows up to *up_to* whose files are proven, as many as one call may."""
        async with store.read() as snapshot:
            files = await snapshot.own(_HELD, (up_to, up_to))
        rows = 0
        for number, first, last, file, checksum in files:
            await _prove(Path(file), checksum, first, last)
            extent = (first, min(last, up_to), number, checksum)
            while rows < DELETED_ROWS_PER_CALL:
                now = time_text(store.clock.now())
                deleted = await store.transact(self._delete, extent, now)
                rows += deleted
                if not deleted:
                    break
            if rows >= DELETED_ROWS_PER_CALL:
                break
        return rows

    async def _delete(self, tx: Transaction, extent: tuple[int, int, int, str], now: str) -> int:
        """Delete some rows of an archive: its first and last position, number and checksum."""
        rows = await tx.own(_DELETE, (*extent, DELETED_ROWS))
        if rows:
            await tx.own(_MARK_DELETED, (now, extent[1]))
        return len(rows)

    async def _check_ours(self, store: Store, path: Path) -> None:
        """
        Refuse a file that was not written from this journal.

        Raises:
            ControlError: It was not.
        """
        header = await _in_thread(read_header, path)
        async with store.read() as snapshot:
            noted = await snapshot.own(_FILE, (header.number,))
        proven = await _in_thread(end_of, path)
        is_here = (header.application, header.service) == (store.application, store.service)
        if not is_here or noted != [(proven,)]:
            message = (
                f"{path} is no archive of this journal of {store.service!r}: the store does not "
                f"know it as file {header.number}. Move it to another folder; or put back a backup "
                "of the store that made it."
            )
            raise ControlError(message)

    async def _put_back(self, store: Store, path: Path) -> tuple[int, int]:
        """How many rows of the file were missing, and how many it holds."""
        back = read = 0
        pages = _pages(path)
        while page := await _in_thread(next, pages, None):
            back += await store.transact(_insert, page)
            read += len(page)
        header = await _in_thread(read_header, path)
        await store.transact(_mark_whole, header)
        return back, read

    async def _audit(
        self, tx: Transaction, name: str, body: dict[str, Any], decision: Decision, service: str
    ) -> None:
        told = {"who": decision.who, "reason": decision.reason, **body}
        entered = enter(operators_context(decision.who))
        try:
            tx.entries.append(self._outboxes[service].audit(name, None, told))
        finally:
            leave(entered)

    def _store(self, service: str) -> Store:
        store = self._stores.get(service)
        if store is None:
            names = ", ".join(sorted(self._stores)) or "none"
            raise ControlError(f"{service!r} has no journal in this process. There are: {names}.")
        return store


def warn_of_archives(reader: str, service: str, deleted_up_to: int) -> None:
    """Say that *reader* is not given the beginning of a journal, if that is in archives only."""
    if deleted_up_to:
        _log.warning(
            "%s reads the journal of %r from its beginning, and rows up to position %d are in "
            "archives only: it does not hear of them. To let it, put them back before its first "
            "start: outgrow event restore %s --from FOLDER",
            reader,
            service,
            deleted_up_to,
            service,
        )


class _Alone:
    """One at a time for each service, as far as this process goes."""

    def __init__(self, busy: set[str], service: str) -> None:
        self._busy = busy
        self._service = service

    def __enter__(self) -> None:
        if self._service in self._busy:
            message = f"an archive of {self._service!r} is at work already. Wait until it is done."
            raise ControlError(message)
        self._busy.add(self._service)

    def __exit__(self, *_: object) -> None:
        self._busy.discard(self._service)


async def _in_thread(call: Callable[..., T], *args: Any) -> T:
    """Files are waited for in a thread; what is wrong with them is told as an operator's error."""
    try:
        return await asyncio.to_thread(call, *args)
    except ArchiveBroken as error:
        raise ControlError(f"{error} Nothing was changed.", type(error).__name__) from error
    except OSError as error:
        raise ControlError(f"an archive cannot be read or written: {error}.") from error


async def _insert(tx: Transaction, page: list[dict[str, Any]]) -> int:
    back = 0
    for row in page:
        back += len(await tx.own(_PUT_BACK, tuple(row[name] for name in _NAMES)))
    return back


async def _mark_whole(tx: Transaction, header: Header) -> None:
    ((rows,),) = await tx.own(_COUNT, (header.first, header.last))
    if rows < header.rows:
        message = (
            f"rows of file {header.number} of {header.service!r} were deleted while they were put "
            "back. Put them back again when nobody deletes."
        )
        raise ControlError(message)
    await tx.own(_MARK_WHOLE, (header.number,))


async def _prove(path: Path, checksum: str, first: int, last: int) -> None:
    """
    Prove that a file is what was noted of it, before its rows are deleted.

    Raises:
        ControlError: It is not, or is not there.
    """
    try:
        proven = await _in_thread(end_of, path)
    except ControlError as error:
        what = str(error)
    else:
        if proven == checksum:
            return
        what = f"{path}: it ends with the checksum {proven}, and was written with {checksum}."
    message = (
        f"{what} Rows {first} to {last} stay in the journal: they are deleted only while the file "
        "that holds them is where it was written, and as it was. Put it back there, or ask a "
        "process that can read it."
    )
    raise ControlError(message)


def _proven(folder: Path, service: str) -> list[Path]:
    """The files of *service* in *folder*, once all of them are proven."""
    verify_archives(folder, service)
    return files_of(folder, service).get(service, [])


def _pages(path: Path) -> Iterator[list[dict[str, Any]]]:
    rows = read_rows(path)
    while page := list(itertools.islice(rows, RESTORED_ROWS)):
        yield page
