"""A service's migrations: ``migrations/0001_name.sql``, each applied once, in order."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outgrow.errors import MigrationFailed
from outgrow.store.dialect import to_postgres
from outgrow.store.migrating.statements import statements_of
from outgrow.store.session import Dialect

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)(\.postgresql)?\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    One file of the folder.

    Attributes:
        number: Its place in the order; the first is 1, and there are no gaps.
        path: Where it stands.
        sql: Its text.
        checksum: SHA-256 of the text; an applied migration must not change.
        dialect: Of the database that it is applied to.
    """

    number: int
    path: Path
    sql: str
    checksum: str
    dialect: Dialect = "sqlite"

    @property
    def is_native(self) -> bool:
        """Whether it is written in its database's own words and not in those that both take."""
        return self.dialect == "sqlite" or self.path.name.endswith(".postgresql.sql")

    @property
    def statements(self) -> list[tuple[int, str]]:
        """What is run on the database, each with the line on which it begins in the file."""
        if self.is_native:
            return statements_of(self.sql, is_postgres=self.dialect == "postgresql")
        return [(line, to_postgres(statement)) for line, statement in statements_of(self.sql)]


def read_migrations(folder: Path | None, dialect: Dialect = "sqlite") -> list[Migration]:
    """
    The migrations in *folder*, in order, as a store of *dialect* needs them.

    A file ``0001_name.postgresql.sql`` replaces the ``0001_name.sql`` beside it there.

    Raises:
        MigrationFailed: The folder is missing, or the files are not numbered from 0001 on.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise MigrationFailed(str(folder), "there is no such folder of migrations.")
    found = sorted(folder.glob("*.sql"))
    if found and is_alembic(folder):
        message = (
            "it stands beside Alembic's revisions in 'versions'. A service has one history: keep "
            "the files of SQL or the revisions, and delete the others."
        )
        raise MigrationFailed(str(found[0]), message)
    native = {path.name for path in found if path.name.endswith(".postgresql.sql")}
    plain = [path for path in found if path.name not in native]
    migrations = [_read(path, number, dialect, native) for number, path in enumerate(plain, 1)]
    for name in sorted(native - {_native_name(path) for path in plain}):
        message = (
            f"there is no {name.replace('.postgresql', '')} beside it, which a store in SQLite is "
            "made with. Add it; a file with a comment alone does, if there is nothing to do."
        )
        raise MigrationFailed(str(folder / name), message)
    return migrations


def is_alembic(folder: Path | None) -> bool:
    """Whether a folder of migrations holds revisions of Alembic, and no files of SQL."""
    return folder is not None and (folder / "versions").is_dir()


def _read(path: Path, number: int, dialect: Dialect, native: set[str]) -> Migration:
    name = _NAME.fullmatch(path.name)
    if name is None or int(name[1]) != number:
        message = (
            f"this should be migration {number:04}. Files are named 0001_create_orders.sql, "
            "0002_…, without gaps, in small letters."
        )
        raise MigrationFailed(str(path), message)
    if dialect == "postgresql" and _native_name(path) in native:
        path = path.with_name(_native_name(path))
    data = path.read_bytes()
    try:
        sql = data.decode()
    except UnicodeDecodeError as error:
        raise MigrationFailed(str(path), f"it is not UTF-8: {error}.") from error
    checksum = hashlib.sha256(data).hexdigest()
    return Migration(number=number, path=path, sql=sql, checksum=checksum, dialect=dialect)


def _native_name(path: Path) -> str:
    return f"{path.stem}.postgresql.sql"
