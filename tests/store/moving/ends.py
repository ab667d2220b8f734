"""The ends of moves in tests: an SQLite file, or the URL of a database."""

from pathlib import Path

from outgrow.store.moving import End, SqliteEnd
from outgrow.store.postgres import PostgresEnd


def end_of(where: Path | str) -> End:
    return SqliteEnd(where) if isinstance(where, Path) else PostgresEnd(where)


def place_of(text: str) -> Path | str:
    return text if "://" in text else Path(text)
