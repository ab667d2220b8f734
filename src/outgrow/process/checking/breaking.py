"""Migrations that break the version of a service that still runs while they are applied."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from outgrow.contracts import place_at
from outgrow.errors import Finding, MigrationFailed, RevisionUnreadable
from outgrow.process.checking.schemas import Schema, Table, bare, is_narrower
from outgrow.store.migrating import Migration, is_alembic, read_migrations, statements_of
from outgrow.topology import SQLITE, Plan

SECOND_STEP: Final = re.compile(
    r"^\s*(?:--|#)\s*outgrow:\s*second step\b", re.IGNORECASE | re.MULTILINE
)
"""The line that says: no version that runs uses any more what this migration takes away."""

_UNKNOWN: Final = "alter table it asks the database first"
"""What a revision does that cannot be told without a database."""

TOOL_SECONDS_MAX: Final = 60.0
_SHOWN_CHARACTERS: Final = 90
_SHA1_DIGITS: Final = 40

_LATER: Final = (
    "in a later migration, with the line '-- outgrow: second step': no version uses it then."
)
_WAYS: Final = {
    "drops": f"First deploy a version that does without it. Drop it {_LATER}",
    "renames": (
        "First add the new one, let a version write both and read the new one, and copy what is "
        f"there. Drop the old one {_LATER}"
    ),
    "requires": (
        "First add it with a default, or without 'not null', and deploy a version that gives it. "
        f"Require it {_LATER}"
    ),
    "narrows": (
        "First add a column of the new type, let a version write both and read the new one, and "
        f"copy what is there. Drop the old one {_LATER}"
    ),
    "restricts": (
        f"First deploy a version that keeps to it, and mend the rows that do not. Add it {_LATER}"
    ),
}

_LOCKS: Final = {
    "require-concurrent-index-creation": (
        "nothing can be written to the table while the index is made",
        (
            "Make it before by hand, with 'create index concurrently if not exists', and write "
            "'create index if not exists' here."
        ),
    ),
    "require-concurrent-index-deletion": (
        "nobody can use the table until all who use it now are done",
        (
            "Drop it before by hand, with 'drop index concurrently if exists', and write 'drop "
            "index if exists' here."
        ),
    ),
    "require-concurrent-reindex": (
        "nothing can be written to the table meanwhile",
        "Do it by hand, with 'reindex … concurrently'; it is no migration.",
    ),
    "constraint-missing-not-valid": (
        "the table is read as a whole, and nothing can be written to it meanwhile",
        "Add it 'not valid', and in the next migration: alter table … validate constraint ….",
    ),
    "adding-foreign-key-constraint": (
        "both tables are locked for writing while all rows are looked at",
        "Add it 'not valid', and in the next migration: alter table … validate constraint ….",
    ),
    "disallowed-unique-constraint": (
        "nobody can use the table while its index is made",
        (
            "Make a unique index concurrently by hand before, and write 'add constraint … unique "
            "using index …' here."
        ),
    ),
    "changing-column-type": (
        "the table is written anew, and nobody can use it meanwhile",
        "Add a column of the new type, and copy in several migrations.",
    ),
    "adding-field-with-default": (
        "the table is written anew, and nobody can use it meanwhile",
        "Add it without a default that must be worked out for each row, and fill it afterwards.",
    ),
    "adding-not-nullable-field": (
        "the table is read as a whole, and nobody can use it meanwhile",
        (
            "Add 'check (… is not null) not valid', validate it in the next migration, and set "
            "not null after that."
        ),
    ),
    "adding-serial-primary-key-field": (
        "the table is written anew, and nobody can use it meanwhile",
        "Make a unique index concurrently by hand before, and add the key 'using index' here.",
    ),
}
"""By squawk's names: what happens, and how it is done without."""


class Base(NamedTuple):
    """
    The migrations that the version still running may have.

    Attributes:
        revision: What git calls it, for messages.
        hashes: Of the files in it, by their paths.
    """

    revision: str
    hashes: dict[Path, str]


def breaking_findings(
    plan: Plan, folders: Mapping[str, Path | None], against: str | None = None
) -> Iterator[Finding]:
    """
    What is pending against a revision and breaks what the version there does with its tables.

    Args:
        plan: Says which stores are in PostgreSQL, where locks matter too.
        folders: Of the migrations of each service.
        against: The revision that still runs. By default the last tag, or else the last commit.

    Raises:
        RevisionUnreadable: *against* is none, or there is no git.
    """
    present = {name: folder for name, folder in folders.items() if folder and folder.is_dir()}
    base = _base(plan.folder, list(present.values()), against) if present else None
    if base is None:
        return
    shared = _in_postgres(plan)
    for name, folder in present.items():
        if is_alembic(folder):
            yield from _of_revisions(name, base, folder)
            continue
        try:
            # All are looked at in PostgreSQL's words, into which the others can be put.
            plain = [replace(one, dialect="postgresql") for one in read_migrations(folder)]
            native = read_migrations(folder, "postgresql")
        except MigrationFailed:
            continue  # It is found where migrations are tried.
        found = [*_Service(name, base, plain).findings()]
        if any(one.path not in {p.path for p in plain} for one in native):
            found += _Service(name, base, native).findings()
        if name in shared:
            found += _Service(name, base, native).locks()
        yield from dict.fromkeys(found)


@dataclass(frozen=True)
class _Revision:
    """
    A revision of Alembic, as if it were a file of SQL.

    Attributes:
        path: Its file.
        sql: The text of the file.
        statements: What it does, each with the line of ``upgrade``.
    """

    path: Path
    sql: str
    statements: list[tuple[int, str]]


def _of_revisions(name: str, base: Base, folder: Path) -> Iterator[Finding]:
    try:
        from outgrow.store.alchemy import tell_revisions  # noqa: PLC0415 - an extra

        told = tell_revisions(folder)
    except (ModuleNotFoundError, MigrationFailed):
        return  # It is found where migrations are tried.
    revisions = []
    for one in told:
        text = one.path.read_text(encoding="utf-8", errors="replace")
        line = text[: text.find("def upgrade")].count("\n") + 1
        parts = statements_of(one.sql or _UNKNOWN, is_postgres=True)
        revisions.append(_Revision(one.path, text, [(line, statement) for _, statement in parts]))
    yield from _Service(name, base, revisions).findings()


def _in_postgres(plan: Plan) -> set[str]:
    """The services whose store is in PostgreSQL somewhere."""
    stores = [plan.stores, *(topology.stores for topology in plan.topologies.values())]
    return {name for each in stores for name, place in each.items() if place != SQLITE}


@dataclass(frozen=True)
class _Breach:
    """What an old version relies on and does not find any more."""

    way: str
    what: str


class _Service:
    """The migrations of one service, in one database's words."""

    def __init__(self, name: str, base: Base, migrations: Sequence[Migration | _Revision]) -> None:
        self._name = name
        self._base = base
        self._schema = Schema()
        pending = [one for one in migrations if one.path.resolve() not in base.hashes]
        self._pending = pending
        self._old = [one for one in migrations if one not in pending]
        # Most of the time nothing is pending, and nothing needs to be understood.
        for migration in self._old if pending else []:
            for _, statement in migration.statements:
                self._schema.run(statement)
        self._before = self._schema.copy()

    def findings(self) -> Iterator[Finding]:
        for migration in self._old:
            known = self._base.hashes[migration.path.resolve()]
            if known != _hash(migration.path, known):
                yield self._changed(migration)
        for migration in self._pending:
            yield from self._of(migration)

    def _of(self, migration: Migration | _Revision) -> Iterator[Finding]:
        before = self._schema.copy()
        seen: list[tuple[int, str, list[_Breach]]] = []
        unread = []
        for line, statement in migration.statements:
            if not self._schema.run(statement):
                unread.append(line)
            seen.append((line, statement, self._breaches(before)))
        if SECOND_STEP.search(migration.sql):
            return
        for breach in seen[-1][2] if seen else []:
            line, statement = _cause(seen, breach)
            yield Finding(
                place=place_at(str(migration.path), line),
                message=f"{_shown(statement)} {breach.what}; the version of {self._name!r} that "
                f"still runs ({self._base.revision}) knows nothing of that.",
                remedy=_WAYS[breach.way],
                slug="migration-breaks",
            )
        for line in unread:
            yield Finding(
                place=place_at(str(migration.path), line),
                message="whether this breaks the version that still runs could not be told.",
                remedy="",
                slug="migration-unread",
                severity="note",
            )

    def _changed(self, migration: Migration | _Revision) -> Finding:
        return Finding(
            place=str(migration.path),
            message=f"it is not what it was in {self._base.revision}; a store that has applied it "
            "refuses to open.",
            remedy="Restore it, and put the change into a new migration.",
            slug="migration-changed",
            severity="warning",
        )

    def _breaches(self, before: Schema) -> list[_Breach]:
        found = []
        for name in self._before.tables.keys() & before.tables.keys():
            old, new = before.tables[name], self._schema.tables.get(name)
            if new is None:
                found.append(self._gone(f"the table {name!r}", self._schema.renamed.get(name)))
            else:
                found += self._column_breaches(name, old, new)
                found += _rule_breaches(name, old, new)
        return found

    def _gone(self, what: str, new: str | None) -> _Breach:
        if new is not None:
            return _Breach("renames", f"gives {what} the name {new!r}")
        return _Breach("drops", f"drops {what}")

    def _column_breaches(self, name: str, old: Table, new: Table) -> Iterator[_Breach]:
        for column, was in old.columns.items():
            if column not in self._before.tables[name].columns:
                continue  # It is pending itself.
            what = f"the column '{name}.{column}'"
            now = new.columns.get(column)
            if now is None:
                yield self._gone(what, self._schema.renamed.get(f"{name}.{column}"))
                continue
            if is_narrower(was.type, now.type):
                yield _Breach("narrows", f"makes {what} {now.type.lower()}, which was "
                              f"{was.type.lower() or 'anything'}")  # fmt: skip
            if now.is_required and not was.is_required:
                yield _Breach("requires", f"lets {what} not be null any more")
            elif was.has_default and now.is_required and not now.has_default:
                yield _Breach("requires", f"takes the default of {what} away")
        for column, now in new.columns.items():
            renamed = {f"{name}.{one}" for one in old.columns}
            if column in old.columns or any(
                self._schema.renamed.get(one) == column for one in renamed
            ):
                continue
            if now.is_required and not now.has_default:
                what = f"adds the column '{name}.{column}', which must not be null, without a "
                yield _Breach("requires", f"{what}default")

    def locks(self) -> Iterator[Finding]:
        """What squawk says of the locks that pending migrations take."""
        squawk = shutil.which("squawk", path=_beside_python())
        if squawk is None:
            if self._pending:
                yield _no_squawk(self._pending[0])
            return
        for migration in self._pending:
            yield from self._locks_of(squawk, migration)

    def _locks_of(self, squawk: str, migration: Migration | _Revision) -> Iterator[Finding]:
        for line, statement in migration.statements:
            if not _mentions(statement, self._before):
                continue
            for told in _ask(squawk, statement):
                if told in _LOCKS:
                    what, instead = _LOCKS[told]
                    yield Finding(
                        place=place_at(str(migration.path), line),
                        message=f"{_shown(statement)} in PostgreSQL: {what}.",
                        remedy=f"If the table is large: {instead[0].lower()}{instead[1:]}",
                        slug="migration-locks",
                        severity="warning",
                    )


def _rule_breaches(name: str, old: Table, new: Table) -> Iterator[_Breach]:
    for rule, columns in new.rules.items():
        is_of_old = not columns or bool(columns & old.columns.keys())
        if rule not in old.rules and is_of_old:
            yield _Breach("restricts", f"lets {name!r} keep only rows with {rule}")


def _cause(seen: list[tuple[int, str, list[_Breach]]], breach: _Breach) -> tuple[int, str]:
    """The statement since which *breach* is there to the end of the file."""
    cause = seen[-1]
    for one in reversed(seen):
        if breach not in one[2]:
            break
        cause = one
    return cause[0], cause[1]


def _mentions(statement: str, schema: Schema) -> bool:
    text = bare(statement)
    words = {word.lower() for word in re.findall(r"\w+", text)}
    is_drop = re.match(r"\s*(drop\s+index|reindex)\b", text, re.IGNORECASE)
    return bool(is_drop or words & schema.tables.keys())


def _shown(statement: str) -> str:
    line = " ".join(bare(statement).split()).rstrip(";")
    return f"'{line[:_SHOWN_CHARACTERS]}{'…' * (len(line) > _SHOWN_CHARACTERS)}'"


def _ask(squawk: str, statement: str) -> list[str]:
    """The rules of squawk that *statement* does not keep."""
    command = [squawk, "--reporter", "json", "--assume-in-transaction", "--pg-version", "15"]
    try:
        done = subprocess.run(  # noqa: S603 - a program of a wheel that is installed here
            command,
            input=statement,
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS_MAX,
            check=False,
        )
        told: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    return list(dict.fromkeys(one["rule_name"] for one in told))


def _no_squawk(migration: Migration | _Revision) -> Finding:
    return Finding(
        place=str(migration.path),
        message="which locks it takes in PostgreSQL was not looked at: squawk is not installed.",
        remedy="pip install squawk-cli",
        slug="migration-locks",
        severity="note",
    )


def _beside_python() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _base(folder: Path, folders: list[Path], against: str | None) -> Base | None:
    """What is in the revision; None if nobody asked for one, and there is none."""
    try:
        revision = against or _latest(folder)
        top = Path(_git(folder, "rev-parse", "--show-toplevel")).resolve()
        commit = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        paths = [str(path.resolve().relative_to(top)) for path in folders]
        listed = _git(top, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
    except (RevisionUnreadable, ValueError):
        if against is not None:
            raise
        return None
    hashes = {}
    for entry in filter(None, listed.split("\0")):
        about, _, path = entry.partition("\t")
        hashes[top / path] = about.split()[2]
    return Base(revision, hashes)


def _latest(folder: Path) -> str:
    try:
        return _git(folder, "describe", "--tags", "--abbrev=0")
    except RevisionUnreadable:
        return "HEAD"


def _hash(path: Path, like: str) -> str:
    """What git calls the contents of *path*, in a repository that calls others *like* that."""
    data = path.read_bytes().replace(b"\r\n", b"\n")
    kind = "sha1" if len(like) == _SHA1_DIGITS else "sha256"
    digest = hashlib.new(kind, b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return digest.hexdigest()


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *words],  # noqa: S607 - that of the user
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RevisionUnreadable(f"git {words[0]}: {error}.") from error
    if done.returncode != 0:
        message = f"{folder}: git {' '.join(words)} was refused: {done.stderr.strip()}"
        raise RevisionUnreadable(message)
    return done.stdout.strip()
