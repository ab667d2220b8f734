"""The write-ahead log of an SQLite file: when it is moved into the file, and made short again."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from outgrow.store.sqlite.connection import Connection

COMMITS_PER_CHECKPOINT = 16
COMMITS_PER_CHECKPOINT_MAX = 1024
LOG_PAGES_AIMED_AT = 1000
LOG_KEPT_BYTES_MAX = 16 * 1024 * 1024
LOG_BYTES_MAX = 256 * 1024 * 1024
CHECKPOINT_WAIT_SECONDS_MAX = 0.05


class Checkpoints:
    """
    Moves the log into the file.

    The log begins anew only after it was moved as a whole while nobody read it, so a reader that
    stays lets it grow. A log that grew beyond `LOG_KEPT_BYTES_MAX` is cut off as soon as its
    readers allow it; they are waited for `CHECKPOINT_WAIT_SECONDS_MAX`, and again only when it has
    grown by a quarter.

    Attributes:
        to_next: How many commits there will be before the next one.
        is_held_up: Whether the last one left something to do, because somebody reads.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._file = path
        self._log = path.with_name(f"{path.name}-wal")
        self._commits_before = 0
        self._pages_before = 0
        self._cut_again_at_bytes = 0
        self.to_next = COMMITS_PER_CHECKPOINT
        self.is_held_up = False
        self.count = 0
        self.times_held_up = 0
        self.times_cut = 0
        self.seconds = 0.0
        self.slowest_seconds = 0.0
        self.log_pages = 0
        self.free_pages = 0

    def move(self) -> None:
        """Move what readers allow, while nobody writes; for the store's thread."""
        started = perf_counter()
        ((_, pages, moved),) = self._connection.own("pragma wal_checkpoint(passive)")
        self.is_held_up = moved < pages
        log_bytes = self.log_bytes
        if log_bytes > LOG_KEPT_BYTES_MAX:
            may_wait = moved == pages or log_bytes > self._cut_again_at_bytes
            self.is_held_up = not (may_wait and self._cut())
        self.times_held_up += self.is_held_up
        self.log_pages = pages
        ((self.free_pages,),) = self._connection.own("pragma freelist_count")
        self.seconds = perf_counter() - started
        self.slowest_seconds = max(self.slowest_seconds, self.seconds)

    def end(self, commits: int, error: BaseException | None) -> None:
        """Say when the next one is due, after *commits* since the opening."""
        if error is not None:
            self.to_next = COMMITS_PER_CHECKPOINT
            self._commits_before = commits
            return
        self.count += 1
        grown = self.log_pages
        aim = LOG_PAGES_AIMED_AT
        if self.is_held_up:
            grown -= min(self._pages_before, grown)
            aim = max(aim, self.log_pages // 4)
        due = (commits - self._commits_before) * aim // max(grown, 1)
        self.to_next = max(1, min(due, COMMITS_PER_CHECKPOINT_MAX))
        self._pages_before = self.log_pages if self.is_held_up else 0
        self._commits_before = commits

    @property
    def log_bytes(self) -> int:
        """How large the log is."""
        return _size(self._log)

    @property
    def is_log_too_large(self) -> bool:
        """Whether it is time to end readers that would have more time."""
        return self.is_held_up and self.log_bytes > LOG_BYTES_MAX

    def statistics(self) -> dict[str, float]:
        """What is known of file and log."""
        return {
            "checkpoints": self.count,
            "checkpoints_held_up": self.times_held_up,
            "checkpoint_seconds": self.seconds,
            "checkpoint_slowest_seconds": self.slowest_seconds,
            "file_bytes": _size(self._file),
            "free_pages": self.free_pages,
            "log_bytes": self.log_bytes,
            "log_bytes_max": LOG_BYTES_MAX,
            "log_kept_bytes_max": LOG_KEPT_BYTES_MAX,
            "log_pages": self.log_pages,
            "log_cuts": self.times_cut,
        }

    def _cut(self) -> bool:
        """Move all of the log and make it empty; False if readers do not allow it."""
        with self._connection.patient(CHECKPOINT_WAIT_SECONDS_MAX):
            ((is_busy, _, _),) = self._connection.own("pragma wal_checkpoint(truncate)")
        if is_busy:
            self._cut_again_at_bytes = self.log_bytes * 5 // 4
            return False
        self._cut_again_at_bytes = 0
        self.times_cut += 1
        return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
