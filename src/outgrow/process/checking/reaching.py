"""Imports that are no import statements."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Collection, Iterator

from outgrow.process.checking.sources import bound_names, dotted, is_package, text_of

CALLS = (b"import_module", b"__import__", b"sys.modules")
"""A module without these words imports nothing by a call."""

_BY_NAME = {"importlib.import_module", "importlib.__import__", "builtins.__import__", "__import__"}


def dynamic_imports(
    tree: ast.Module, module: str, known: Collection[str]
) -> Iterator[tuple[str, int]]:
    """What *module* imports by a call with a text, as ``import_module("a.b")``, and the line."""
    bound = bound_names(tree, _package_of(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node, bound) in _BY_NAME and node.args:
            name = _absolute(node, text_of(node.args[0], module, tree), module)
            for each in _with_names(node, name, known) if name else ():
                yield each, node.lineno
        elif isinstance(node, ast.Subscript) and dotted(node.value) is not None:
            is_modules = _full(dotted(node.value) or "", bound) == "sys.modules"
            taken = text_of(node.slice, module, tree) if is_modules else None
            if taken is not None and taken in known:
                yield taken, node.lineno


def dynamic_names(tree: ast.Module, line: int) -> Iterator[str]:
    """How the module that is imported by a call in *line* is named where it is used."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Assign) or node.value.lineno != line:
            continue
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            yield from (ast.unparse(target) for target in node.targets)
        elif isinstance(node.value, ast.Call | ast.Subscript | ast.Attribute):
            yield ast.unparse(node.value)


def used_modules(
    tree: ast.Module, module: str, known: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Modules that *module* reaches through another: ``import a`` and then ``a.b.c.thing``."""
    bound = bound_names(tree, _package_of(module))
    roots = {name.partition(".")[0] for name in known}
    bound = {name: full for name, full in bound.items() if full.partition(".")[0] in roots}
    for other in _rebound(tree) if bound else ():
        bound.pop(other, None)
    if not bound:
        return
    inner: set[ast.expr] = set()
    for node in ast.walk(tree):  # What is outside comes before what is inside of it.
        if not isinstance(node, ast.Attribute):
            continue
        name = dotted(node) or ""
        if name.partition(".")[0] in bound and (full := _full(name, bound)) in known:
            inner.add(node.value)
            if node not in inner:
                yield full, node.lineno


def _rebound(tree: ast.Module) -> Iterator[str]:
    """Names that mean something else somewhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _package_of(module: str) -> str:
    return module if is_package(module) else module.rpartition(".")[0]


def _full(name: str, bound: dict[str, str]) -> str:
    first, dot, rest = name.partition(".")
    return f"{bound.get(first, first)}{dot}{rest}"


def _called(node: ast.Call, bound: dict[str, str]) -> str:
    return _full(dotted(node.func) or "", bound)


def _given(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    named = [given.value for given in node.keywords if given.arg == keyword]
    return node.args[position] if len(node.args) > position else next(iter(named), None)


def _absolute(node: ast.Call, name: str | None, module: str) -> str | None:
    """*name* without leading dots."""
    level = _given(node, 4, "level")
    if name is not None and isinstance(level, ast.Constant) and isinstance(level.value, int):
        name = "." * level.value + name
    if name is None or not name.startswith("."):
        return name or None
    anchor = _given(node, 1, "package")
    package = text_of(anchor, module) if isinstance(anchor, ast.Constant) else None
    try:
        return importlib.util.resolve_name(name, package or _package_of(module))
    except ImportError:
        return None


def _with_names(node: ast.Call, name: str, known: Collection[str]) -> Iterator[str]:
    """*name*, or the modules in it that a ``fromlist`` names."""
    listed = _given(node, 3, "fromlist")
    parts = listed.elts if isinstance(listed, ast.Tuple | ast.List) else []
    names = [f"{name}.{part.value!s}" for part in parts if isinstance(part, ast.Constant)]
    yield from [inner for inner in names if inner in known] or [name]
