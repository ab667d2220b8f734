"""What tables a row of migrations makes, as far as it can be told without a database."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_OF_TABLES = re.compile(r"\s*(create\s+(?!.*\btrigger\b)\S*\s*table|alter|drop)\b", re.IGNORECASE)
_HARMLESS = re.compile(
    r"\s*alter\s+table\s+.*\b(rename\s+constraint|validate\s+constraint|owner\s+to|set\s+\(|"
    r"replica\s+identity|enable\s|disable\s|cluster\s+on|set\s+statistics)"
    r"|\s*(alter|drop)\s+(sequence|trigger|function|type|extension)\b",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN_LEFT_OUT = re.compile(
    r"(\balter\s+table\s+(?:if\s+exists\s+|only\s+)*\S+\s+(?:rename|drop)\s+)"
    r"(?!to\b|column\b|constraint\b)",
    re.IGNORECASE,
)
_SIZES = {"SMALLINT": 1, "INT": 2, "BIGINT": 3, "FLOAT": 1, "DOUBLE": 2}
_FAMILIES = [{"SMALLINT", "INT", "BIGINT"}, {"FLOAT", "DOUBLE"}, {"CHAR", "VARCHAR", "TEXT"}]


@dataclass
class Column:
    """A column: the type as it is written, and what a row must give for it."""

    type: str = ""
    is_required: bool = False
    has_default: bool = False


@dataclass
class Table:
    """
    A table.

    Attributes:
        rules: What rows must keep to, as text, with the columns that it speaks of.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    rules: dict[str, frozenset[str]] = field(default_factory=dict)


class Schema:
    """
    The tables that the statements so far have made.

    Attributes:
        tables: By their names, in small letters.
        renamed: What was renamed: new names by old ones; columns as ``table.column``.
    """

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.renamed: dict[str, str] = {}

    def copy(self) -> Schema:
        """The same, to go on from."""
        return copy.deepcopy(self)

    def run(self, statement: str) -> bool:
        """
        Do what *statement*, which is in PostgreSQL's words, does to the tables.

        Returns:
            Whether it could be understood, as far as it speaks of tables.
        """
        if not _OF_TABLES.match(bare(statement)) and not _is_unique_index(statement):
            return True
        parsed = _parsed(statement)
        from sqlglot import exp  # noqa: PLC0415 - slow to import, and seldom needed

        match parsed:
            case exp.Create(kind="TABLE"):
                self._create(parsed)
            case exp.Create(kind="INDEX"):
                self._add_index(parsed)
            case exp.Create():
                pass
            case exp.Drop():
                for table in parsed.args.get("tables") or []:
                    self.tables.pop(table.name.lower(), None)
            case exp.Alter():
                self._alter(parsed)
            case _:
                return bool(_HARMLESS.match(bare(statement)))
        return True

    def _create(self, create: Any) -> None:
        from sqlglot import exp  # noqa: PLC0415 - as above

        name = create.find(exp.Table).name.lower()
        if name in self.tables and create.args.get("exists"):
            return
        table = self.tables[name] = Table()
        if isinstance(create.this, exp.Schema):
            for part in create.this.expressions:
                self._add(table, part)

    def _add(self, table: Table, part: Any) -> None:
        """Add a column or a rule."""
        from sqlglot import exp  # noqa: PLC0415 - as above

        if isinstance(part, exp.Identifier):
            table.columns[part.name.lower()] = Column()
        elif isinstance(part, exp.ColumnDef):
            name = part.name.lower()
            kinds = [constraint.kind for constraint in part.args.get("constraints") or []]
            table.columns[name] = _column(part, kinds)
            for kind in kinds:
                if isinstance(kind, _rule_kinds()):
                    _add_rule(table, kind, {name})
        elif isinstance(part, exp.Constraint):
            for inner in part.expressions:
                self._add(table, inner)
        elif isinstance(part, _rule_kinds()):
            _add_rule(table, part, set())
            if isinstance(part, exp.PrimaryKey):
                for column in _names_in(part) & table.columns.keys():
                    table.columns[column].is_required = True

    def _add_index(self, create: Any) -> None:
        from sqlglot import exp  # noqa: PLC0415 - as above

        table = self.tables.get(create.find(exp.Table).name.lower())
        if table is not None and create.args.get("unique"):
            parameters = create.this.args["params"]
            columns = parameters.args.get("columns") or []
            text = ", ".join(column.sql("postgres") for column in columns)
            where = parameters.args.get("where")
            rule = f"UNIQUE ({text}){f' {where.sql()}' if where else ''}"
            table.rules[rule] = frozenset(_names_in(create.this) & table.columns.keys())

    def _alter(self, alter: Any) -> None:
        from sqlglot import exp  # noqa: PLC0415 - as above

        name = alter.this.name.lower()
        table = self.tables.get(name)
        if table is None or alter.args.get("kind") != "TABLE":
            return
        for action in alter.args.get("actions") or []:
            if isinstance(action, exp.AlterRename):
                new = action.this.name.lower()
                self.tables[new] = self.tables.pop(name)
                self.renamed[name] = new
                name = new
            else:
                self._alter_part(name, table, action)

    def _alter_part(self, name: str, table: Table, action: Any) -> None:
        from sqlglot import exp  # noqa: PLC0415 - as above

        match action:
            case exp.RenameColumn():
                old, new = action.this.name.lower(), action.args["to"].name.lower()
                if old in table.columns:
                    table.columns[new] = table.columns.pop(old)
                self.renamed[f"{name}.{old}"] = new
            case exp.Drop(kind="COLUMN"):
                for column in action.args.get("tables") or []:
                    table.columns.pop(column.name.lower(), None)
            case exp.AlterColumn():
                _alter_column(table, action)
            case exp.AddConstraint():
                for constraint in action.expressions:
                    self._add(table, constraint)
            case exp.ColumnDef():
                self._add(table, action)


def is_narrower(old: str, new: str) -> bool:
    """Whether a value of the type *old* may not fit the type *new*."""
    if old == new:
        return False
    (old_name, old_size), (new_name, new_size) = _split(old), _split(new)
    family = next((f for f in _FAMILIES if old_name in f), set())
    if new_name not in family:
        return True
    if old_name in _SIZES:
        return _SIZES[new_name] < _SIZES[old_name]
    return new_size < old_size


def _split(kind: str) -> tuple[str, float]:
    name, _, rest = kind.partition("(")
    digits = re.match(r"\d+", rest)
    return name, float(digits[0]) if digits else float("inf")


def _column(part: Any, kinds: list[Any]) -> Column:
    from sqlglot import exp  # noqa: PLC0415 - as above

    key = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    own = (exp.DefaultColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)
    computed = (exp.ComputedColumnConstraint, exp.GeneratedAsRowColumnConstraint)
    required = any(
        isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null")
        for kind in kinds
    )
    kind = part.args.get("kind")
    text = kind.sql("postgres").upper() if kind is not None else ""
    serial = "SERIAL" in text
    return Column(
        type=text.replace("DOUBLE PRECISION", "DOUBLE").replace("INTEGER", "INT"),
        is_required=required or key,
        has_default=serial or any(isinstance(kind, (*own, *computed)) for kind in kinds),
    )


def _alter_column(table: Table, action: Any) -> None:
    column = table.columns.get(action.this.name.lower())
    if column is None:
        return
    if action.args.get("dtype") is not None:
        text = action.args["dtype"].sql("postgres").upper()
        column.type = text.replace("DOUBLE PRECISION", "DOUBLE").replace("INTEGER", "INT")
    elif action.args.get("default") is not None:
        column.has_default = True
    elif "allow_null" in action.args and action.args["allow_null"] is not None:
        column.is_required = not action.args["allow_null"]
    elif action.args.get("drop"):
        column.has_default = False


def _rule_kinds() -> tuple[type, ...]:
    from sqlglot import exp  # noqa: PLC0415 - as above

    return (
        exp.CheckColumnConstraint,
        exp.UniqueColumnConstraint,
        exp.PrimaryKeyColumnConstraint,
        exp.PrimaryKey,
        exp.ForeignKey,
        exp.Reference,
    )


def _add_rule(table: Table, rule: Any, columns: set[str]) -> None:
    named = columns or (_names_in(rule) & table.columns.keys())
    text = f"{' '.join(sorted(columns))} {rule.sql('postgres')}".strip()
    if text.endswith((" UNIQUE", " PRIMARY KEY")):  # As the index of the same meaning is called.
        text = f"UNIQUE ({', '.join(sorted(columns))})"
    table.rules[re.sub(r"\bPRIMARY KEY\b", "UNIQUE", text)] = frozenset(named)


def _names_in(node: Any) -> set[str]:
    from sqlglot import exp  # noqa: PLC0415 - as above

    return {identifier.name.lower() for identifier in node.find_all(exp.Identifier)}


def _is_unique_index(statement: str) -> bool:
    return bool(re.match(r"\s*create\s+unique\s+index\b", bare(statement), re.IGNORECASE))


def bare(statement: str) -> str:
    """*statement* without comments."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL)


def _parsed(statement: str) -> Any:
    """*statement* as sqlglot reads it; None if it does not."""
    import sqlglot  # noqa: PLC0415 - as above

    statement = _COLUMN_LEFT_OUT.sub(r"\1column ", statement)
    with quiet():
        for dialect in ("postgres", "sqlite"):
            try:
                parsed = sqlglot.parse_one(statement, dialect=dialect)
            except sqlglot.errors.SqlglotError:
                continue
            if not isinstance(parsed, sqlglot.exp.Command):
                return parsed
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Let sqlglot not complain of what it takes for a bare command."""
    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
