"""Where something stands in the user's code, for messages."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def place_of(thing: type | Callable[..., Any]) -> str:
    """``file:line`` of a class or function, relative to the current folder if it is below it."""
    code = getattr(thing, "__code__", None)
    if code is not None:
        return place_at(code.co_filename, code.co_firstlineno)
    return _place_of_class(thing)


@functools.lru_cache(maxsize=1024)
def _place_of_class(cls: Any) -> str:
    """Where a class stands, which is found by reading the whole file: 1 ms or more."""
    try:
        filename = inspect.getsourcefile(cls) or "?"
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return f"{cls.__module__}.{cls.__qualname__}"
    return place_at(filename, line)


def caller_place(depth: int) -> str:
    """``file:line`` of the code *depth* frames above the function that asks."""
    frame = sys._getframe(depth + 1)
    return place_at(frame.f_code.co_filename, frame.f_lineno)


def place_at(filename: str, line: int) -> str:
    """``file:line``, relative to the current folder if it is below it."""
    path = Path(filename)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return f"{path}:{line}"


def service_package(module: str) -> str:
    """
    The dotted name of the service that *module* belongs to.

    A service is a package with a ``contract`` module, which may be a package itself, or one module
    that holds all of it.
    """
    if module.endswith(".contract"):
        return module.removesuffix(".contract")
    package = module.rpartition(".")[0]
    while package:
        if f"{package}.contract" in sys.modules:
            return package
        package = package.rpartition(".")[0]
    return module


def contract_modules(package: str) -> list[ModuleType]:
    """
    The loaded modules that hold the contracts of the service *package*.

    They are its module ``contract`` and, if that is a package, those in it; of a service that is
    one module, that module.
    """
    name = f"{package}.contract"
    if name not in sys.modules:
        name = package
        inside = []
    else:
        inside = sorted(one for one in sys.modules if one.startswith(f"{name}."))
    return [sys.modules[one] for one in (name, *inside) if one in sys.modules]


def service_name(module: str) -> str:
    """The short name of the service that *module* belongs to."""
    return service_package(module).rpartition(".")[2]
