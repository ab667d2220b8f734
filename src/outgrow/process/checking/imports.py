"""What services import of each other: contracts, and nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import grimp

from outgrow.contracts import place_at
from outgrow.errors import Finding
from outgrow.process.checking.reaching import CALLS, dynamic_imports, dynamic_names, used_modules
from outgrow.process.checking.sources import (
    Sources,
    file_of,
    is_one_module,
    is_package,
    is_test,
    modules_of,
)
from outgrow.process.service import is_service
from outgrow.topology import Settings


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Import:
    """One import statement."""

    importer: str
    line: int
    imported: str


def import_findings(services: Mapping[str, str], sources: Sources, findings: list[Finding]) -> int:
    """
    Look at every module of *services* for what it imports of the others.

    A service may import another's contract module and nothing else of it. Of a service that is one
    module it may import everything but the class that keeps the contract, settings, and what begins
    with an underscore. A module that belongs to no service and that services import is looked at
    too, because what it imports they get. Tests are left out.

    Args:
        services: The package or module of each service, by its short name; those that cannot be
            found are left out.
        sources: Reads their modules.
        findings: What is wrong is added here.

    Returns:
        How many modules were looked at.
    """
    return _Looking(services, sources, findings).look()


class _Looking:
    """Looks at one program."""

    def __init__(
        self, services: Mapping[str, str], sources: Sources, findings: list[Finding]
    ) -> None:
        self._names = {package: name for name, package in services.items() if file_of(package)}
        self._files = {name for name in self._names if "." not in name and not is_package(name)}
        self._sources = sources
        self._owner = sources.owner
        self._findings = findings

    def look(self) -> int:
        for found in sorted(self._imports()):
            owner = self._owner(found.imported)
            if owner is None or owner == self._owner(found.importer):
                continue
            if self._owner(found.importer) is None and not self._users(found.importer) - {owner}:
                continue  # Nobody but the service itself imports what is inside of it.
            if (what := self._inside(found, owner)) is not None:
                self._find(found, owner, what)
        return len(self._looked_at)

    @cached_property
    def _graph(self) -> grimp.ImportGraph | None:
        roots = sorted({package.partition(".")[0] for package in self._names} - self._files)
        if not roots:
            return None
        # Without its cache it writes nothing into the user's folder, and is quick all the same.
        graph = grimp.build_graph(*roots, include_external_packages=True, cache_dir=None)
        self._add_hidden(graph, roots)
        return graph

    def _add_hidden(self, graph: grimp.ImportGraph, roots: list[str]) -> None:
        """Add what is imported by a call, and what is reached through a package above it."""
        known = frozenset(graph.modules)
        served = {source.name for source in self._sources.of_services()}
        words = [b"from .", *(root.encode() for root in roots)]
        for root in roots:
            for module, file in modules_of(root):
                if module not in known:
                    continue
                found: set[tuple[str, int]] = set()
                if self._sources.has_word(file, CALLS) and (tree := self._sources.tree(file)):
                    found |= set(dynamic_imports(tree, module, known))
                is_near = module in served and self._sources.has_word(file, words)
                if is_near and (tree := self._sources.tree(file)):
                    found |= set(used_modules(tree, module, known))
                for name, line in sorted(found):
                    if name not in graph.find_modules_directly_imported_by(module):
                        graph.add_import(
                            importer=module, imported=name, line_number=line, line_contents=""
                        )

    @cached_property
    def _looked_at(self) -> set[str]:
        known = self._graph.modules if self._graph else set()
        modules = {name for name in known if self._owner(name) or self._users(name)} | self._files
        return {name for name in modules if not is_test(name) and not self._is_outside(name)}

    def _is_outside(self, module: str) -> bool:
        """Whether it is of another program: grimp knows its name and has not read it."""
        is_read = self._graph is not None and module in self._graph.modules
        return is_read and self._graph is not None and self._graph.is_module_squashed(module)

    def _users(self, module: str) -> set[str]:
        """The services that get *module*, directly or by way of other modules of no service."""
        users: set[str] = set()
        waiting, seen = [module], {module}
        while waiting and self._graph is not None:
            for importer in self._graph.find_modules_that_directly_import(waiting.pop()):
                owner = self._owner(importer)
                if owner is not None and not is_test(importer):
                    users.add(owner)
                elif owner is None and importer not in seen:
                    seen.add(importer)
                    waiting.append(importer)
        return users

    def _imports(self) -> Iterator[_Import]:
        for importer in self._looked_at:
            if importer in self._files:
                yield from self._imports_of_file(importer)
                continue
            assert self._graph is not None
            for imported in self._graph.find_modules_directly_imported_by(importer):
                for detail in self._graph.get_import_details(importer=importer, imported=imported):
                    yield _Import(importer=importer, line=detail["line_number"], imported=imported)

    def _imports_of_file(self, importer: str) -> Iterator[_Import]:
        """The imports of a service that is one file, which grimp takes for no package."""
        known = frozenset(self._graph.modules if self._graph else ()) | self._files
        tree = self._tree(importer)
        found = {*dynamic_imports(tree, importer, known), *used_modules(tree, importer, known)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= {(n if n in known else str(node.module), node.lineno) for n in inner}
            elif isinstance(node, ast.Import):
                found |= {(alias.name, node.lineno) for alias in node.names}
        told = set()
        for name, line in sorted(found, key=lambda one: one[::-1]):
            # What is used through a name was imported before.
            if name not in told or is_one_module(name):
                told.add(name)
                yield _Import(importer=importer, line=line, imported=name)

    def _tree(self, module: str) -> ast.Module:
        file = file_of(module)
        return (self._sources.tree(file) if file else None) or ast.Module([], [])

    def _inside(self, found: _Import, owner: str) -> str | None:
        """What *found* takes of the insides of *owner*; None if it takes its contract only."""
        contract = f"{owner}.contract"
        if is_one_module(owner) and found.imported == owner:
            taken = sorted(
                _private_names(
                    sys.modules.get(owner), _names_at(self._tree(found.importer), found, owner)
                )
            )
            return f"{', '.join(taken)} of {owner}" if taken else None
        is_contract = found.imported == contract or found.imported.startswith(f"{contract}.")
        return None if is_contract else found.imported

    def _find(self, found: _Import, owner: str, what: str) -> None:
        place = place_at(str(file_of(found.importer)), found.line)
        importer = self._owner(found.importer)
        if importer is not None:
            who = f"service {self._names[importer]!r} imports"
        else:
            users = sorted(self._names[user] for user in self._users(found.importer) - {owner})
            who = f"{found.importer}, which {', '.join(users)} imports, imports"
        name = self._names[owner]
        rest = (
            "everything but its service class and settings"
            if is_one_module(owner)
            else f"{owner}.contract"
        )
        self._findings.append(
            Finding(
                place=place,
                message=f"{who} {what}, which is inside of service {name!r}.",
                remedy=f"Others may import {rest}. What they need besides is asked by a call, or "
                f"belongs into the contract of {name!r}.",
                slug="import-inside",
            )
        )


def _names_at(tree: ast.Module, found: _Import, owner: str) -> set[str]:
    """What the statement *found* takes of *owner*, by name; ``*`` for everything."""
    names: set[str] = set()
    aliases = set(dynamic_names(tree, found.line))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.lineno == found.line:
            names |= {alias.name for alias in node.names} - {owner.rpartition(".")[2]}
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno == found.line:
            aliases |= {
                alias.asname or alias.name
                for alias in node.names
                if alias.name in (owner, owner.rpartition(".")[2])
            }
    return names | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in aliases
    }


def _private_names(module: object, names: set[str]) -> Iterator[str]:
    for name in names:
        thing = getattr(module, name, None)
        is_settings = isinstance(thing, type) and issubclass(thing, Settings)
        if name == "*" or name.startswith("_") or is_service(thing) or is_settings:
            yield "everything" if name == "*" else name
