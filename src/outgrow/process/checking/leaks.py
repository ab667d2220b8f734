"""Contracts that speak of how a service stores its data."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from outgrow.contracts import place_at
from outgrow.errors import Finding
from outgrow.process.checking.sources import Source, Sources, bound_names, dotted, is_one_module

STORES = {
    "aiosqlite", "asyncpg", "databases", "duckdb", "mongoengine", "motor", "mysql", "peewee",
    "piccolo", "pony", "psycopg", "psycopg2", "pymongo", "pymysql", "redis", "sqlalchemy",
    "sqlite3", "sqlmodel", "tortoise",
}  # fmt: skip
"""Packages whose types belong into a service, not into its contract."""

_OWN = {"Snapshot", "Store", "Transaction"}
_PARTS = ("outgrow.store", "django.db")


def leak_findings(sources: Sources) -> Iterator[Finding]:
    """Imports and type hints of contracts that only a service's own code should have."""
    for source in sources.of_services():
        package = sources.owner(source.name) or ""
        is_alone = is_one_module(package)
        is_contract = f"{source.name}.".startswith(f"{package}.contract.")
        if is_alone and source.name == package:
            yield from _Leaks(source).in_hints()
        elif is_contract:
            yield from _Leaks(source).in_imports()
            yield from _Leaks(source).in_hints()


class _Leaks:
    """Looks at the module of one contract."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._bound = bound_names(source.tree)

    def in_imports(self) -> Iterator[Finding]:
        for node in ast.walk(self._source.tree):
            taken = sorted(name for name in _imported(node) if _is_of_store(name))
            if taken:
                yield self._finding(node, f"imports {', '.join(taken)}")

    def in_hints(self) -> Iterator[Finding]:
        for cls in ast.walk(self._source.tree):
            if isinstance(cls, ast.ClassDef) and self._is_seen_by_others(cls):
                for node, what in _hints(cls):
                    for name in dict.fromkeys(self._store_types(node)):
                        yield self._finding(node, f"has {what} of type {name}")

    def _is_seen_by_others(self, cls: ast.ClassDef) -> bool:
        """Whether it is a contract, or data of one; not a service's class."""
        loaded = getattr(sys.modules.get(self._source.name), cls.name, None)
        if "__outgrow_service__" in getattr(loaded, "__dict__", {}):
            return False
        marks = {
            ast.unparse(mark).partition("(")[0].rpartition(".")[2] for mark in cls.decorator_list
        }
        bases = {ast.unparse(base).rpartition(".")[2] for base in cls.bases}
        seen = {"Contract", "Record", "Event", "Problem", "BaseModel"}
        return "service" not in marks and (bool(bases & seen) or "dataclass" in marks)

    def _store_types(self, hint: ast.expr) -> Iterator[str]:
        match hint:
            case ast.Constant(value=str(text)):
                try:
                    yield from self._store_types(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return  # It is found where contracts are read.
            case ast.Name() | ast.Attribute():
                name = dotted(hint) or ""
                first, _, rest = name.partition(".")
                full = ".".join(filter(None, [self._bound.get(first, first), rest]))
                if _is_of_store(full) or self._is_table(name):
                    yield name
            case ast.Subscript(value=value) if ast.unparse(value).endswith("Literal"):
                return  # What stands in there is no type.
            case ast.expr():
                for part in ast.iter_child_nodes(hint):
                    if isinstance(part, ast.expr):
                        yield from self._store_types(part)

    def _is_table(self, name: str) -> bool:
        """Whether it is a class below one of a package of stores, as tables of an ORM are."""
        thing: object = sys.modules.get(self._source.name)
        for part in name.split("."):
            thing = getattr(thing, part, None)
        above = thing.__mro__ if isinstance(thing, type) else ()
        return any(_is_of_store(f"{cls.__module__}.{cls.__name__}") for cls in above)

    def _finding(self, node: ast.AST, what: str) -> Finding:
        return Finding(
            place=place_at(str(self._source.file), getattr(node, "lineno", 1)),
            message=f"the contract of {self._source.service!r} {what}.",
            remedy="Others would see how the service stores its data, and could not be apart from "
            "its database. Say it with a Record, and convert in the service.",
            slug="contract-store-type",
        )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _is_of_store(name: str) -> bool:
    first, _, rest = name.partition(".")
    is_part = any(f"{name}.".startswith(f"{part}.") for part in _PARTS)
    return first in STORES or is_part or (first == "outgrow" and rest in _OWN)


def _hints(cls: ast.ClassDef) -> Iterator[tuple[ast.expr, str]]:
    """The type hints of *cls*, and whose they are."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign):
            yield node.annotation, f"a field {cls.name}.{ast.unparse(node.target)}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                if argument.annotation is not None:
                    yield argument.annotation, f"a parameter of {cls.name}.{node.name}"
            if node.returns is not None:
                yield node.returns, f"a reply of {cls.name}.{node.name}"
