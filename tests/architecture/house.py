"""Read the house as text: what stands where, and who imports whom. Nothing is executed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "outgrow"


@dataclass(frozen=True)
class Import:
    """An import: where it stands, and the dotted name of the module that it reaches."""

    here: str
    line: int
    target: str
    relative: bool = False

    @property
    def where(self) -> str:
        return f"{self.here}:{self.line}"


def files(source: Path) -> Iterator[tuple[str, ast.Module]]:
    """Each file's path below *source*, and its syntax tree."""
    for path in sorted(source.rglob("*.py")):
        yield path.relative_to(source).as_posix(), ast.parse(path.read_text())


def doors(source: Path) -> dict[str, ast.Module]:
    """Each room's path below *source*, sub-rooms too, and the tree of its door."""
    return {
        here.removesuffix("/__init__.py"): tree
        for here, tree in files(source)
        if here.endswith("/__init__.py")
    }


def imports(source: Path) -> Iterator[Import]:
    """Each import of each file, wherever in the file it stands."""
    for here, tree in files(source):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(here, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                yield from _from_import(source, here, node)


def _from_import(source: Path, here: str, node: ast.ImportFrom) -> Iterator[Import]:
    if node.level:
        yield Import(here, node.lineno, "." * node.level + (node.module or ""), relative=True)
        return
    assert node.module
    names = {_reached(source, node.module, alias.name) for alias in node.names}
    for name in sorted(names):
        yield Import(here, node.lineno, name)


def _reached(source: Path, module: str, name: str) -> str:
    """`from package import file` reaches the file, unless the door offers that name."""
    package, *parts = module.split(".")
    folder = source.joinpath(*parts)
    is_file = (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()
    is_inside = package == "outgrow" and is_file and name not in _offered(folder / "__init__.py")
    return f"{module}.{name}" if is_inside else module


def _offered(door: Path) -> set[str]:
    """The names that a door imports from its files."""
    tree = ast.parse(door.read_text() if door.exists() else "")
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in found for alias in node.names}


def plant(folder: Path, texts: dict[str, str]) -> Path:
    """A small house below *folder*, for a rule to find what is wrong with it."""
    for here, text in texts.items():
        path = folder / here
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
