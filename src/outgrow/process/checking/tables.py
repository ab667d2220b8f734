"""SQL that names a table of another service."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from outgrow.contracts import place_at
from outgrow.errors import Finding
from outgrow.process.checking.sources import Source, Sources, dotted, text_of

_CALLS = (b".execute", b".fetch")
_UNKNOWN = "outgrow_unknown"
_CREATE = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:(?:temp|temporary|unlogged|virtual)\s+)*(?:table|view)\s+"
    r"(?:if\s+not\s+exists\s+)?(?:[\w\"`\[\]]+\.)?[\"`\[]?(\w+)",
    re.IGNORECASE,
)
_RENAME = re.compile(r"\balter\s+table\s+\S+\s+rename\s+to\s+[\"`\[]?(\w+)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sql:
    """
    A text of SQL.

    Attributes:
        service: The service that it belongs to.
        text: What it says.
        file: Where it stands.
        line: Where it begins; None if the file is nothing else.
    """

    service: str
    text: str
    file: str
    line: int | None

    def place(self, word: str = "") -> str:
        """Where it stands; in a file of SQL the line of *word*."""
        found = re.search(rf"\b{re.escape(word)}\b", self.text, re.IGNORECASE)
        before = self.text[: found.start()] if found else ""
        return place_at(self.file, self.line or before.count("\n") + 1)


def table_findings(sources: Sources, migrations: Mapping[str, Path | None]) -> Iterator[Finding]:
    """
    Tables in the SQL of a service that only the migrations of others make: warnings.

    SQL is what is written as text where ``execute`` or ``fetch_...`` is called, there or under a
    name of the module, and migrations. What cannot be read is counted in one note.

    Args:
        migrations: The folder of each service's migrations, by its name.
    """
    written = {name: list(_migrations(name, folder)) for name, folder in migrations.items()}
    made = {
        name: {t for sql in texts for t in _made_by(sql.text)} for name, texts in written.items()
    }
    makers: dict[str, list[str]] = {}
    for name, tables in made.items():
        for table in tables:
            makers.setdefault(table, []).append(name)
    texts = [sql for each in written.values() for sql in each]
    asking = [source for source in sources.of_services() if source.has_word(_CALLS)]
    texts += [sql for source in asking for sql in _texts(source)]
    unread = []
    for sql in texts:
        others = {table for table in makers if sql.service not in makers[table]}
        others &= {word.lower() for word in re.findall(r"\w+", sql.text)}
        if not others:
            continue  # Most SQL names nothing of others, and need not be understood.
        named = _named_by(sql.text)
        if named is None:
            unread.append(sql)
            continue
        for table in sorted(others & named):
            yield _foreign(sql, table, makers[table])
    if unread:
        yield _unread(unread)


def _foreign(sql: _Sql, table: str, makers: list[str]) -> Finding:
    owners = " and ".join(repr(maker) for maker in sorted(makers))
    return Finding(
        place=sql.place(table),
        message=f"SQL of {sql.service!r} names the table {table!r}, which the migrations of "
        f"{owners} make.",
        remedy="A service reaches its own store only, so the table is not there. Ask by a call, or "
        "keep what is needed in a table of its own that a handler fills (@on).",
        slug="table-of-another",
        severity="warning",
    )


def _unread(unread: list[_Sql]) -> Finding:
    places = ", ".join(sql.place() for sql in unread[1:])
    count = "1 SQL text" if len(unread) == 1 else f"{len(unread)} SQL texts"
    return Finding(
        place=unread[0].place(),
        message=f"{count} with the name of another service's table could not be read.",
        remedy=f"Whether it is a table there is not known. Also: {places}." if places else "",
        slug="sql-unread",
        severity="note",
    )


def _migrations(service: str, folder: Path | None) -> Iterator[_Sql]:
    if folder is None or not folder.is_dir():
        return
    for file in sorted(folder.glob("*.sql")):
        text = file.read_text(encoding="utf-8", errors="replace")
        yield _Sql(service=service, text=text, file=str(file), line=None)


def _made_by(text: str) -> set[str]:
    """The tables and views that a migration makes."""
    text = _COMMENT.sub(" ", text)
    return {name.lower() for pattern in (_CREATE, _RENAME) for name in pattern.findall(text)}


def _named_by(text: str) -> set[str] | None:
    """The tables that *text* names, without those that it makes itself; None if unreadable."""
    import sqlglot  # noqa: PLC0415 - slow to import, and seldom needed
    from sqlglot import exp  # noqa: PLC0415

    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.CRITICAL)  # It complains there of what it takes for a bare command.
    try:
        for dialect in ("sqlite", "postgres"):
            try:
                parsed = sqlglot.parse(text, dialect=dialect)
            except sqlglot.errors.SqlglotError:
                continue
            statements = [statement for statement in parsed if statement is not None]
            if any(isinstance(statement, exp.Command) for statement in statements):
                continue
            named = {t.name.lower() for s in statements for t in s.find_all(exp.Table)}
            own = {c.alias.lower() for s in statements for c in s.find_all(exp.CTE)}
            return named - own - _made_by(text) - {_UNKNOWN}
    finally:
        log.setLevel(level)
    return None


def _texts(source: Source) -> Iterator[_Sql]:
    """The SQL that is written in a module."""
    locals_of = _Locals(source)
    for node, names in locals_of.calls():
        attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        is_fetch = attribute.startswith("fetch")
        if attribute not in ("execute", "executemany", "executescript") and not is_fetch:
            continue
        for argument in node.args[: 2 if is_fetch else 1]:
            text = _text(argument, source, names)
            if text is not None and " " in text:
                file, line = str(source.file), argument.lineno
                yield _Sql(service=source.service, text=text, file=file, line=line)


class _Locals:
    """The calls of a module, each with what the names of its function and class hold."""

    def __init__(self, source: Source) -> None:
        self._tree = source.tree
        self._module = dict(_assigned(source.tree.body))

    def calls(self) -> Iterator[tuple[ast.Call, Mapping[str, ast.expr]]]:
        yield from self._below(self._tree, self._module)

    def _below(
        self, node: ast.AST, names: Mapping[str, ast.expr]
    ) -> Iterator[tuple[ast.Call, Mapping[str, ast.expr]]]:
        for child in ast.iter_child_nodes(node):
            inner = names
            if isinstance(child, ast.ClassDef):
                own = dict(_assigned(child.body))
                inner = {
                    **names,
                    **{f"{o}.{n}": v for n, v in own.items() for o in ("self", "cls", child.name)},
                }
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                statements = (part for part in ast.walk(child) if isinstance(part, ast.stmt))
                inner = {**names, **dict(_assigned(statements))}
            elif isinstance(child, ast.Call):
                yield child, names
            yield from self._below(child, inner)


def _assigned(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in statements:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value  # type: ignore[attr-defined]


def _text(  # noqa: PLR0911 - a table
    node: ast.expr, source: Source, names: Mapping[str, ast.expr], depth: int = 0
) -> str | None:
    """The text of *node*; what is put in while the program runs is an unknown name there."""
    if depth > 8:
        return None
    inner = (source, names, depth + 1)
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(_text(part, *inner) or _UNKNOWN for part in node.values)
        case ast.FormattedValue():
            return _text(node.value, *inner)
        case ast.BinOp(op=ast.Add()):
            parts = _text(node.left, *inner), _text(node.right, *inner)
            return None if parts == (None, None) else "".join(p or f" {_UNKNOWN} " for p in parts)
        case ast.Call(args=[first, *_]):
            return _text(first, *inner)  # As in text("select ...") and dedent("select ...").
        case ast.Name() | ast.Attribute():
            name = dotted(node) or ""
            if name in names and names[name] is not node:
                return _text(names[name], *inner)
            return text_of(node, source.name)
    return None
