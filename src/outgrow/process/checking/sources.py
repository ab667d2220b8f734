"""The modules of a program as syntax trees, each read once."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """
    A module of a service.

    Attributes:
        service: Short name of the service that it belongs to.
        name: Its dotted name.
        file: Where it stands.
        sources: What reads it.
    """

    service: str
    name: str
    file: Path
    sources: Sources

    def has_word(self, words: Iterable[bytes]) -> bool:
        """Whether one of *words* stands in it; much quicker than to look at its tree."""
        return self.sources.has_word(self.file, words)

    @property
    def tree(self) -> ast.Module:
        """What stands there; nothing if it is no Python."""
        return self.sources.tree(self.file) or ast.Module([], [])


class Sources:
    """
    Reads the modules of one program.

    Args:
        services: The package or module of each service, by its short name.
    """

    def __init__(self, services: Mapping[str, str]) -> None:
        self._names = {package: name for name, package in services.items()}
        self._roots = {package.partition(".")[0] for package in self._names}
        self._texts: dict[Path, bytes] = {}
        self._trees: dict[Path, ast.Module | None] = {}
        self._functions: dict[Path, dict[tuple[str, int], Function]] = {}

    def of_services(self) -> Iterator[Source]:
        """All modules of all services, without tests."""
        for package, service in self._names.items():
            for name, file in sorted(modules_of(package)):
                if self.owner(name) == package and not is_test(name):
                    yield Source(service=service, name=name, file=file, sources=self)

    def has_word(self, file: Path, words: Iterable[bytes]) -> bool:
        """Whether one of *words* stands in *file*."""
        text = self._text(file)
        return any(word in text for word in words)

    def owner(self, module: str) -> str | None:
        """The package of the service that *module* belongs to."""
        while module and module not in self._names:
            module = module.rpartition(".")[0]
        return module or None

    def tree(self, file: Path) -> ast.Module | None:
        """What stands in *file*; None if it is no Python."""
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse(self._text(file))
            except (SyntaxError, ValueError):
                self._trees[file] = None
        return self._trees[file]

    def _text(self, file: Path) -> bytes:
        if file not in self._texts:
            try:
                self._texts[file] = file.read_bytes()
            except OSError:
                self._texts[file] = b""
        return self._texts[file]

    def function(self, function: FunctionType) -> Function | None:
        """Where *function* is defined in this program; None if it is somebody else's."""
        if (function.__module__ or "").partition(".")[0] not in self._roots:
            return None
        code = function.__code__
        file = Path(code.co_filename)
        if file not in self._functions:
            self._functions[file] = {
                (node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])): node
                for node in ast.walk(self.tree(file) or ast.Module([], []))
                if isinstance(node, Function)
            }
        return self._functions[file].get((code.co_name, code.co_firstlineno))


def spec_of(module: str) -> ModuleSpec | None:
    """What Python knows of *module*; None if it cannot be found."""
    try:
        return importlib.util.find_spec(module)
    except Exception:  # noqa: BLE001 - a border: the packages above it are imported, and may raise
        return None


def file_of(module: str) -> Path | None:
    """The file of *module*, or the folder of a package without one; None if it is not found."""
    spec = spec_of(module)
    if spec is None:
        return None
    places = spec.submodule_search_locations
    return Path(spec.origin or (next(iter(places)) if places else ""))


def is_package(module: str) -> bool:
    """Whether *module* can have modules inside."""
    spec = spec_of(module)
    return spec is not None and spec.submodule_search_locations is not None


def is_one_module(package: str) -> bool:
    """Whether a service holds its contract and its class in one module."""
    if not is_package(package):
        return True
    return all(spec_of(f"{package}.{part}") is None for part in ("contract", "service"))


def is_test(module: str) -> bool:
    """Whether *module* tries a service and is no part of it."""
    parts = module.split(".")
    return "tests" in parts or parts[-1] == "conftest" or parts[-1].startswith("test_")


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` as it is written; None if it is anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else None


def text_of(node: ast.expr | None, module: str, tree: ast.Module | None = None) -> str | None:
    """
    The text that *node* is: written there, or under a name of *module*.

    Args:
        tree: Of the module, for one that is not loaded.
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    name = dotted(node) if node is not None else None
    for statement in tree.body if tree else ():
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return text_of(statement.value, module) if node is not statement.value else None
    thing: object = sys.modules.get(module)
    for part in (name or "").split("."):
        thing = getattr(thing, part, None)
    return thing if isinstance(thing, str) else None


def bound_names(tree: ast.Module, package: str = "") -> dict[str, str]:
    """What imports bind: each name, and what it is in full; relative ones below *package*."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            bound |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
    return bound


def modules_of(package: str) -> Iterator[tuple[str, Path]]:
    """The modules of *package*, each with its file."""
    spec = spec_of(package)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin:
            yield package, Path(spec.origin)
        return
    for folder in map(Path, spec.submodule_search_locations):
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            names = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join([package, *names]), file
